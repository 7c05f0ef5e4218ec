//! A running mall: the real binary as a child process, to be killed, stopped and started again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::site::Site;
use crate::wait::eventually;

/// A first start migrates and makes topics, on a machine that may be busy with a build.
const START_LIMIT: Duration = Duration::from_secs(60);
/// A drain takes at most 25 s.
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// How much of its log a failing test shows.
const SHOWN: u64 = 12_000;

/// Every role there is.
pub const ALL_ROLES: &str = "http,relay,policies,views";

/// One process of a mall. Killed when dropped; a failing test shows what it said last.
pub struct Mall {
    process: Mutex<Child>,
    guard: Child,
    log: PathBuf,
    address: String,
}

impl Mall {
    /// Starts every role on a free port and waits until it is ready.
    pub async fn open(site: &Site) -> Self {
        Self::open_with(site, ALL_ROLES, "127.0.0.1:0").await
    }

    /// Starts some roles and waits until it is ready.
    pub async fn open_with(site: &Site, roles: &str, listen: &str) -> Self {
        let mall = Self::start(site, roles, listen).await;
        mall.ready().await;
        mall
    }

    /// Starts some roles and waits until it says where it listens.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn start(site: &Site, roles: &str, listen: &str) -> Self {
        let log = site.log_file();
        let file = File::create(&log).expect("a log file");
        let process = site
            .command(&["run", "--roles", roles, "--migrate", "--http", listen])
            .stdout(file.try_clone().expect("the log file twice"))
            .stderr(file)
            .spawn()
            .expect("jangbu can be started");
        let guard = guard(process.id());
        let process = Mutex::new(process);
        let address = eventually("the mall says where it listens", START_LIMIT, || async {
            if let Some(ended) = ended(&process) {
                panic!("the mall ended as it started ({ended}):\n{}", tail(&log));
            }
            find_address(&log).ok_or_else(|| tail(&log))
        })
        .await;
        Self {
            process,
            guard,
            log,
            address,
        }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.address
    }

    /// The address to listen at for whoever comes after it.
    #[must_use]
    pub fn listen(&self) -> String {
        self.address.trim_start_matches("http://").to_owned()
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        eventually("the mall is ready", START_LIMIT, || async {
            let answer = self.get("/health/ready").await?;
            match answer.status {
                200 => Ok(()),
                status => Err(format!("{status} {}\n{}", answer.text, tail(&self.log))),
            }
        })
        .await;
    }

    /// Asks for a page; the text as it came.
    ///
    /// # Errors
    /// If there was no answer.
    pub async fn get(&self, path: &str) -> Result<Page, String> {
        let asked = reqwest::get(format!("{}{path}", self.address)).await;
        let answer = asked.map_err(|error| format!("{path} was not answered: {error}"))?;
        let status = answer.status().as_u16();
        let text = answer
            .text()
            .await
            .map_err(|error| format!("{path} broke off: {error}"))?;
        Ok(Page { status, text })
    }

    /// kill -9.
    pub fn kill(&self) {
        let mut process = self.process.lock().expect("the process");
        process.kill().expect("our own child");
        process.wait().expect("our own child");
    }

    /// SIGTERM, as an orchestrator would; how it ended.
    pub async fn stop(self) -> ExitStatus {
        let pid = self.process.lock().expect("the process").id();
        let pid = i32::try_from(pid).expect("a pid");
        kill_process(Pid::from_raw(pid).expect("not zero"), Signal::TERM).expect("our own child");
        eventually("the mall drains and ends", STOP_LIMIT, || async {
            ended(&self.process).ok_or_else(|| tail(&self.log))
        })
        .await
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Drop for Mall {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- {} ({}) said last:\n{}",
                self.address,
                self.log.display(),
                tail(&self.log)
            );
        }
        // Killed and reaped before the guard hears of it, so that it never kills another process of that number.
        self.kill();
        let _ended = self.guard.kill().and_then(|()| self.guard.wait());
    }
}

/// Kills the mall when the test binary is gone, however that died: the pipe closes with it.
fn guard(pid: u32) -> Child {
    Command::new("sh")
        .args(["-c", "read _; kill -9 \"$1\" 2>/dev/null", "guard"])
        .arg(pid.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh can be run")
}

fn ended(process: &Mutex<Child>) -> Option<ExitStatus> {
    process
        .lock()
        .expect("the process")
        .try_wait()
        .expect("our own child")
}

fn find_address(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let from = text.find("http://127.0.0.1:")?;
    let address: &str = text[from..]
        .split(|end: char| end.is_whitespace() || end == '"')
        .next()?;
    // A line that is still being written has no end.
    (text.len() > from + address.len()).then(|| address.to_owned())
}

fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
