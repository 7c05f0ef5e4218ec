//! A server hung on a pipe: when the process that started it is gone, so is the server.
//!
//! `PR_SET_PDEATHSIG` would not do: it fires when the *thread* that started the child ends, and Linux alone has it. A
//! pipe is closed by the system whenever its last writer dies, kill -9 included. So a small shell (`supervisor.sh`) holds
//! the reading end, starts the server, and ends it at end of file. It is a process group of its own: Ctrl-C reaches only
//! the process in the foreground, which then stops its servers in the order it wants.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::Account;
use crate::process;

const SCRIPT: &str = include_str!("supervisor.sh");

/// Between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// After SIGKILL a process ends as soon as the kernel gets to it; longer means it hangs in the kernel.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// What to start.
pub(crate) struct Order {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Working folder, also the place of `server.pid`.
    pub(crate) folder: PathBuf,
    pub(crate) log: File,
    pub(crate) account: Option<Account>,
    pub(crate) ending: Ending,
}

/// How to end it when the parent is gone.
#[derive(Clone)]
pub(crate) struct Ending {
    /// Name of the signal, as `kill -s` knows it.
    pub(crate) signal: &'static str,
    /// How long it may take before SIGKILL.
    pub(crate) grace: Duration,
    /// Removed afterwards: data that only the parent wanted.
    pub(crate) remove: Option<PathBuf>,
}

/// A server and its supervisor. Dropping it is like dying: the supervisor ends the server.
pub(crate) struct Supervised {
    shell: Child,
    server: u32,
    grace: Duration,
}

impl Supervised {
    pub(crate) fn start(order: Order) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "jangbu-supervisor", order.ending.signal]);
        command.arg((order.ending.grace.as_millis() / 100).to_string());
        command.arg(pid_file(&order.folder));
        command.arg(order.ending.remove.unwrap_or_default());
        command.arg(&order.program).args(&order.arguments);
        command.current_dir(&order.folder).process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(order.log);
        // PostgreSQL obeys these (PGDATA, PGOPTIONS, PGPORT …); what the caller set them for is another server.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG"))
        {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C");
        if let Some(account) = order.account {
            account.run(&mut command);
        }
        let mut shell = command.spawn()?;
        match read_pid(&mut shell) {
            Ok(server) => Ok(Self {
                shell,
                server,
                grace: order.ending.grace,
            }),
            Err(error) => {
                drop(shell.stdin.take());
                shell.wait()?;
                Err(error)
            }
        }
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> u32 {
        self.server
    }

    /// How the server ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().ok().flatten()
    }

    /// Ends the server with `signal`, or by SIGKILL if it takes longer than `limit`. Whether the signal was enough.
    pub(crate) fn end(&mut self, signal: Signal, limit: Duration) -> bool {
        // While the supervisor lives it has not let go of the pid, so the pid means our server and no stranger.
        if self.ended().is_none() {
            process::signal(self.server, signal);
        }
        if self.wait(limit) {
            return true;
        }
        process::signal(self.server, Signal::KILL);
        self.wait(AFTER_KILL);
        false
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.ended().is_none() {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

impl Drop for Supervised {
    /// Lets the supervisor do its work and waits for it, so that ports and folders are free afterwards.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.wait(self.grace + AFTER_KILL);
    }
}

/// Where the supervisor writes the server's pid while it runs.
pub(crate) fn pid_file(folder: &Path) -> PathBuf {
    folder.join("server.pid")
}

fn read_pid(shell: &mut Child) -> io::Result<u32> {
    let said = shell.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut line = String::new();
    BufReader::new(said.take(32)).read_line(&mut line)?;
    line.trim()
        .parse()
        .map_err(|_| io::Error::other("the supervising shell did not start the server"))
}
