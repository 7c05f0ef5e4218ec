//! What both servers have in common: start, wait until it answers, stop, be killed, start again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

mod error;

pub use error::ServerError;

use crate::hold::{Hold, HoldError, hold};
use crate::log_file::LogFile;
use crate::news::{News, Teller};
use crate::ports::{self, Port};
use crate::supervisor::{Order, Supervised};

/// Long enough for a server that repairs itself after a crash under load on a slow disk.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How long what a killed server leaves behind (its children, its port) may stand in the way of the next.
const REMAINS_WITHIN: Duration = Duration::from_secs(20);

/// A graceful stop that takes longer becomes a kill; both servers recover from one.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks whether a server answers.
const LOOK: Duration = Duration::from_millis(15);

/// What tells the two servers apart.
pub(crate) trait Kind: Send + Sync + 'static {
    /// How people call it.
    fn name(&self) -> &'static str;
    /// Where everything of this one lies.
    fn folder(&self) -> &Path;
    /// The signal that asks it to end.
    fn gentle(&self) -> Signal;
    /// Ends what an earlier run left alive; its pid, if there was something.
    fn end_stale(&self) -> Result<Option<u32>, ServerError>;
    /// Makes its data if there are none.
    fn prepare(&self) -> Result<(), ServerError>;
    /// What to start so that it listens on `port`.
    fn order(&self, port: u16, log: std::fs::File) -> Result<Order, ServerError>;
    /// Whether it, and nobody else, answers on `port`.
    fn answers(&self, port: u16, pid: u32) -> bool;
    /// Whether it ended because of remains of its predecessor that will go away.
    fn met_remains(&self, log: &LogFile) -> bool;
}

/// A server that listens on one port of 127.0.0.1 for as long as this lives, but for [`Server::kill`] and [`Server::stop`].
#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    kind: Box<dyn Kind>,
    port: u16,
    /// 0 while it does not run.
    pid: AtomicU32,
    // Before `_hold`: dropped first, so the folder is let go only when nothing uses it any more.
    running: Mutex<Option<Supervised>>,
    _hold: Hold,
}

impl Server {
    /// Starts it on the port asked for. Blocks for a second or two.
    pub(crate) fn start(
        kind: Box<dyn Kind>,
        port: Port,
        tell: &Teller,
    ) -> Result<Self, ServerError> {
        let began = Instant::now();
        let name = kind.name();
        tell(&News::Starting(name));
        let hold = take(kind.as_ref())?;
        if let Some(pid) = kind.end_stale()? {
            tell(&News::StoppedStale { server: name, pid });
        }
        kind.prepare()?;
        let (port, running) = start_somewhere(kind.as_ref(), port, tell)?;
        tell(&News::Started {
            server: name,
            port,
            took: began.elapsed(),
        });
        let pid = AtomicU32::new(running.pid());
        Ok(Self {
            shared: Arc::new(Shared {
                kind,
                port,
                pid,
                running: Mutex::new(Some(running)),
                _hold: hold,
            }),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.shared.port
    }

    /// Its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        Some(self.shared.pid.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    /// Starts it again after a kill or a stop, on the same port and data.
    pub(crate) async fn start_again(&self) -> Result<(), ServerError> {
        self.apart(|shared| {
            let mut running = shared.lock();
            if running
                .as_mut()
                .is_some_and(|server| server.ended().is_none())
            {
                return Ok(());
            }
            // Should the supervisor alone have been killed, its server lives on: the watcher ends it when the pipe goes,
            // and what that cannot end is ended as an orphan.
            drop(running.take());
            shared.kind.end_stale()?;
            let server = start_at(shared.kind.as_ref(), shared.port)?;
            shared.pid.store(server.pid(), Ordering::Release);
            *running = Some(server);
            Ok(())
        })
        .await
    }

    /// Asks it to end and waits; whether it did so by itself.
    pub(crate) async fn stop(&self) -> bool {
        self.apart(|shared| shared.end(shared.kind.gentle(), STOP_WITHIN))
            .await
    }

    /// SIGKILL to the server's process, as a crash would be; returns when it is gone.
    pub(crate) async fn kill(&self) {
        self.apart(|shared| shared.end(Signal::KILL, STOP_WITHIN))
            .await;
    }

    /// Whether its process lives.
    pub(crate) async fn is_running(&self) -> bool {
        self.apart(|shared| {
            shared
                .lock()
                .as_mut()
                .is_some_and(|server| server.ended().is_none())
        })
        .await
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> PathBuf {
        log_path(self.shared.kind.as_ref())
    }

    /// Runs what blocks on a thread that may.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> T {
        let shared = self.shared.clone();
        match tokio::task::spawn_blocking(move || work(&shared)).await {
            Ok(done) => done,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Supervised>> {
        // A panic in between leaves a server that runs or does not, and that is what the option holds.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, signal: Signal, limit: Duration) -> bool {
        let mut running = self.lock();
        let gently = running
            .take()
            .is_none_or(|mut server| server.end(signal, limit));
        self.pid.store(0, Ordering::Release);
        gently
    }
}

fn take(kind: &dyn Kind) -> Result<Hold, ServerError> {
    hold(&kind.folder().join("held")).map_err(|error| match error {
        HoldError::Taken(pid) => ServerError::held(kind.name(), kind.folder(), pid),
        HoldError::Io(source) => ServerError::Io {
            doing: format!("lock {}", kind.folder().display()),
            source,
        },
    })
}

fn start_somewhere(
    kind: &dyn Kind,
    port: Port,
    tell: &Teller,
) -> Result<(u16, Supervised), ServerError> {
    let wanted = match port {
        Port::Exactly(port) => return Ok((port, start_at(kind, port)?)),
        Port::Prefer(port) => Some(port),
        Port::Free => None,
    };
    // Between looking and listening somebody else may take the port, so a few tries.
    const TRIES: u32 = 4;
    let mut candidates = wanted
        .filter(|port| ports::is_free(*port))
        .into_iter()
        .chain(std::iter::repeat_with(ports::any_free));
    let mut attempt = 1;
    loop {
        let port = candidates.next().unwrap_or(0);
        match run(kind, port) {
            Err(ServerError::PortTaken { .. }) if attempt < TRIES => attempt += 1,
            Err(error) => return Err(error),
            Ok(running) => {
                if let Some(wanted) = wanted.filter(|wanted| *wanted != port) {
                    tell(&News::PortTaken {
                        server: kind.name(),
                        wanted,
                        got: port,
                    });
                }
                return Ok((port, running));
            }
        }
    }
}

/// Starts on this port and no other, waiting for remains of a killed predecessor to go.
fn start_at(kind: &dyn Kind, port: u16) -> Result<Supervised, ServerError> {
    let until = Instant::now() + REMAINS_WITHIN;
    let patience = Instant::now() + Duration::from_secs(3);
    loop {
        if !ports::is_free(port) && Instant::now() > patience {
            return Err(ServerError::PortTaken {
                server: kind.name(),
                port,
            });
        }
        match run(kind, port) {
            Err(ServerError::PortTaken { .. }) if Instant::now() < patience => (),
            Err(ServerError::Remains { .. }) if Instant::now() < until => (),
            other => return other,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn run(kind: &dyn Kind, port: u16) -> Result<Supervised, ServerError> {
    let doing = |doing: &str| format!("{doing} {}", kind.name());
    let (log, file) =
        LogFile::open(&log_path(kind)).map_err(ServerError::doing(doing("open the log of")))?;
    let order = kind.order(port, file)?;
    let mut running = Supervised::start(order).map_err(ServerError::doing(doing("start")))?;
    let until = Instant::now() + READY_WITHIN;
    while !kind.answers(port, running.pid()) {
        if let Some(status) = running.ended() {
            return Err(ended(kind, port, &log, status.to_string()));
        }
        if Instant::now() > until {
            return Err(ServerError::silent(kind.name(), READY_WITHIN, &log));
        }
        std::thread::sleep(LOOK);
    }
    Ok(running)
}

fn ended(kind: &dyn Kind, port: u16, log: &LogFile, status: String) -> ServerError {
    let said = log.last_lines();
    if log.says("Address already in use") {
        return ServerError::PortTaken {
            server: kind.name(),
            port,
        };
    }
    if kind.met_remains(log) {
        return ServerError::Remains {
            server: kind.name(),
            said,
        };
    }
    ServerError::Ended {
        server: kind.name(),
        status,
        log: log.path().to_owned(),
        said,
    }
}

fn log_path(kind: &dyn Kind) -> PathBuf {
    kind.folder().join("server.log")
}
