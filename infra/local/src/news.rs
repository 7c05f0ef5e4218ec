//! What happens while servers are fetched and started, told to whoever wants to show it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Something worth telling a person who waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum News {
    /// The servers are not in the cache; they are being fetched into this folder.
    Fetching(PathBuf),
    /// So many files have been downloaded.
    Downloaded(usize),
    /// Another process fetches the same; we wait for it.
    WaitingForAnotherFetch,
    /// What was downloaded is being unpacked.
    Unpacking,
    /// The servers lie in the cache, after so long.
    Fetched(Duration),
    /// A server of an earlier run was still alive and has been stopped.
    StoppedStale {
        /// Which server.
        server: &'static str,
        /// Its process.
        pid: u32,
    },
    /// A port is taken, so the server listens on another.
    PortTaken {
        /// Which server.
        server: &'static str,
        /// The port it should have had.
        wanted: u16,
        /// The port it has.
        got: u16,
    },
    /// A server is starting.
    Starting(&'static str),
    /// A server answers.
    Started {
        /// Which server.
        server: &'static str,
        /// Its port on 127.0.0.1.
        port: u16,
        /// How long it took.
        took: Duration,
    },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetching(folder) => write!(
                f,
                "fetching PostgreSQL and Apache Kafka into {} (once, about 75 MB)",
                folder.display()
            ),
            Self::Downloaded(files) => {
                write!(f, "fetching PostgreSQL and Apache Kafka: {files} files")
            }
            Self::WaitingForAnotherFetch => write!(
                f,
                "another process is fetching PostgreSQL and Apache Kafka, waiting for it"
            ),
            Self::Unpacking => write!(f, "unpacking PostgreSQL"),
            Self::Fetched(took) => write!(
                f,
                "fetched PostgreSQL and Apache Kafka in {:.1} s",
                took.as_secs_f32()
            ),
            Self::StoppedStale { server, pid } => {
                write!(f, "stopped {server} of an earlier run (pid {pid})")
            }
            Self::PortTaken {
                server,
                wanted,
                got,
            } => write!(f, "port {wanted} is taken, {server} listens on {got}"),
            Self::Starting(server) => write!(f, "starting {server}"),
            Self::Started { server, port, took } => write!(
                f,
                "{server} listens on 127.0.0.1:{port} (after {:.1} s)",
                took.as_secs_f32()
            ),
        }
    }
}

impl News {
    fn begins(&self) -> bool {
        matches!(self, Self::Fetching(_) | Self::Starting(_))
    }

    fn ends(&self) -> bool {
        matches!(self, Self::Fetched(_) | Self::Started { .. })
    }

    /// Whether it passes: shown on a terminal while it lasts, left out of a log.
    fn passes(&self) -> bool {
        matches!(
            self,
            Self::Downloaded(_) | Self::Unpacking | Self::Starting(_)
        )
    }
}

/// Whom the news are told.
pub type Teller = Arc<dyn Fn(&News) + Send + Sync>;

/// Tells nobody.
#[must_use]
pub fn silent() -> Teller {
    Arc::new(|_| ())
}

/// Tells stderr: a spinner for what passes (none when stderr is no terminal) and a line for what remains.
#[must_use]
pub fn to_stderr() -> Teller {
    let spinner = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let under_way = AtomicUsize::new(0);
    Arc::new(move |news| {
        if news.passes() {
            spinner.set_message(news.to_string());
        } else {
            spinner.suspend(|| eprintln!("{news}"));
        }
        if matches!(news, News::Fetching(_)) {
            spinner.set_message("asking Maven");
        }
        if news.begins() {
            under_way.fetch_add(1, Ordering::Relaxed);
        }
        // Both servers start at the same time: the last to be there takes the spinner away.
        if news.ends() && under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            spinner.finish_and_clear();
        }
    })
}
