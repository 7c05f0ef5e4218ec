//! PostgreSQL's data folder: made once, and what `postmaster.pid` in it says.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::account::Account;
use crate::process;
use crate::server::ServerError;

/// The line of `postmaster.pid` that says how far the server is.
const STATUS_LINE: usize = 7;

/// Makes a cluster in `data` unless there is one. Made beside it and renamed, so a cluster there is a whole one.
pub(super) fn make(
    initdb: &Path,
    data: &Path,
    account: Option<Account>,
    sync: bool,
) -> Result<(), ServerError> {
    if data.is_dir() {
        return Ok(());
    }
    let new = data.with_extension("new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(ServerError::Io {
                doing: format!("remove {}", new.display()),
                source: error,
            });
        }
        _ => (),
    }
    let mut command = Command::new(initdb);
    command.arg("-D").arg(&new).args([
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
    ]);
    command.args(["--data-checksums", "--no-instructions"]);
    if !sync {
        command.arg("--no-sync");
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    if let Some(folder) = data.parent() {
        command.current_dir(folder);
    }
    if let Some(account) = account {
        account.run(&mut command);
    }
    let output = command
        .output()
        .map_err(ServerError::doing("start initdb"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr]
            .map(|part| String::from_utf8_lossy(&part).into_owned())
            .concat();
        return Err(ServerError::Failed {
            program: "initdb",
            status: output.status.to_string(),
            said,
        });
    }
    fs::rename(&new, data).map_err(ServerError::doing(format!("rename {}", new.display())))
}

/// Whether the postmaster `pid` has written that it takes connections. Without this a stranger's PostgreSQL on the same
/// port could be taken for ours while ours is still on its way to failing.
pub(super) fn says_ready(data: &Path, pid: u32) -> bool {
    let file = data.join("postmaster.pid");
    process::pid_in(&file) == Some(pid)
        && fs::read_to_string(file).is_ok_and(|text| {
            text.lines()
                .nth(STATUS_LINE)
                .is_some_and(|line| line.trim() == "ready")
        })
}

/// Settles what a killed postmaster left in `postmaster.pid`, whose pid may by now be another's.
///
/// PostgreSQL looks only whether *some* process of its account has the pid, and refuses to start beside it. We hold the
/// folder, so no live process of ours uses it: one that names the folder is an orphan and is ended, a stranger's pid means
/// that the file is stale and it is removed. A dead pid is left to PostgreSQL, which then also looks for orphaned sessions.
pub(super) fn judge_postmaster_pid(data: &Path) -> Result<(), ServerError> {
    let file = data.join("postmaster.pid");
    let Some(pid) = process::pid_in(&file).filter(|pid| process::is_alive(*pid)) else {
        return Ok(());
    };
    if process::has_argument(pid, data.as_os_str()) {
        return process::end(pid, data, Signal::INT).map_err(|pid| ServerError::Stale {
            server: "PostgreSQL",
            pid,
        });
    }
    fs::remove_file(&file).map_err(ServerError::doing(format!(
        "remove the stale {}",
        file.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postmaster_pid_that_now_belongs_to_a_stranger_is_removed_and_the_stranger_spared() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let file = data.path().join("postmaster.pid");
        let mut stranger = Command::new("sleep").arg("60").spawn().expect("sleep");
        fs::write(
            &file,
            format!("{}\n{}\n", stranger.id(), data.path().display()),
        )
        .expect("a pid file");

        judge_postmaster_pid(data.path()).expect("judged");

        assert!(!file.exists());
        assert!(
            stranger.try_wait().expect("its status").is_none(),
            "the stranger was ended"
        );
        stranger.kill().expect("end it");
        stranger.wait().expect("reap it");
    }

    #[test]
    fn a_postmaster_is_ready_when_its_own_file_says_so() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let write = |status: &str| {
            let text =
                format!("4711\n/data\n1763700000\n5433\n\n127.0.0.1\n  5433001 7\n{status}\n");
            fs::write(data.path().join("postmaster.pid"), text).expect("a pid file");
        };
        write("starting");
        assert!(!says_ready(data.path(), 4711));
        write("ready   ");
        assert!(says_ready(data.path(), 4711));
        assert!(!says_ready(data.path(), 4712), "another postmaster's file");
    }
}
