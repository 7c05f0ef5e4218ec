//! Processes of earlier runs: is it alive, is it ours, end it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::supervisor;

/// A server that was told to end has this long before SIGKILL, and as long again before we give up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Sends `signal`; a process that is already gone needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = typed(pid) {
        // Fails only if it is gone, or is somebody else's; the caller looks whether it ends, which covers both.
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process has this pid, whoever it is.
pub(crate) fn is_alive(pid: u32) -> bool {
    typed(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Ends the server whose supervisor left `server.pid` in `folder`, if it still lives and is ours. Returns its pid.
///
/// Pids are used again, so a number in a file proves nothing: only a process whose command line has `mark`, a path in
/// `folder`, among its arguments is ours.
pub(crate) fn end_stale(folder: &Path, mark: &Path, gentle: Signal) -> Result<Option<u32>, u32> {
    let file = supervisor::pid_file(folder);
    let Some(pid) = pid_in(&file).filter(|pid| has_argument(*pid, mark.as_os_str())) else {
        return Ok(None);
    };
    end(pid, mark, gentle)?;
    // It may be gone already, removed by a supervisor that outlived its parent and has just done its work.
    let _ = fs::remove_file(&file);
    Ok(Some(pid))
}

/// Ends a process that bears `mark`; `Err` with its pid if it will not end.
pub(crate) fn end(pid: u32, mark: &Path, gentle: Signal) -> Result<(), u32> {
    for kind in [gentle, Signal::KILL] {
        signal(pid, kind);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if !has_argument(pid, mark.as_os_str()) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
    Err(pid)
}

/// The number in the first line of `file`.
pub(crate) fn pid_in(file: &Path) -> Option<u32> {
    fs::read_to_string(file)
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
}

/// Whether a live process has this pid and `argument` among its arguments.
pub(crate) fn has_argument(pid: u32, argument: &OsStr) -> bool {
    command_line(pid).is_some_and(|line| {
        line.split(|byte| *byte == 0)
            .any(|one| one == argument.as_encoded_bytes())
    })
}

/// The arguments of a process, each ended by a zero byte. Empty for one that has ended and waits to be reaped.
#[cfg(target_os = "linux")]
fn command_line(pid: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/cmdline")).ok()
}

/// The arguments of a process, each ended by a zero byte, as far as `ps` tells them apart: by spaces.
#[cfg(not(target_os = "linux"))]
fn command_line(pid: u32) -> Option<Vec<u8>> {
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    Some(
        output
            .stdout
            .into_iter()
            .map(|byte| if byte.is_ascii_whitespace() { 0 } else { byte })
            .collect(),
    )
}

fn typed(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_stranger_who_got_the_pid_of_our_server_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut stranger = Command::new("sleep").arg("60").spawn().expect("sleep");
        fs::write(
            supervisor::pid_file(folder.path()),
            format!("{}\n", stranger.id()),
        )
        .expect("a pid file");

        assert_eq!(
            end_stale(folder.path(), &folder.path().join("data"), Signal::TERM),
            Ok(None)
        );

        assert!(
            stranger.try_wait().expect("its status").is_none(),
            "the stranger was ended"
        );
        stranger.kill().expect("end it");
        stranger.wait().expect("reap it");
    }

    #[test]
    fn a_server_of_an_earlier_run_is_ended() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mark = folder.path().join("data");
        // `sh` keeps the words after its script as arguments of its own, so they stand in its command line. It ends by
        // itself, in case this test does not end it.
        let script = "n=0; while [ $n -lt 200 ]; do sleep 0.1; n=$((n+1)); done";
        let mut server = Command::new("sh")
            .args(["-c", script])
            .arg(&mark)
            .spawn()
            .expect("sh");
        let pid = server.id();
        fs::write(supervisor::pid_file(folder.path()), format!("{pid}\n")).expect("a pid file");
        // Right after `spawn` the system may not show a command line yet.
        while !has_argument(pid, mark.as_os_str()) {
            assert!(
                server.try_wait().expect("its status").is_none(),
                "it ended by itself"
            );
            std::thread::sleep(LOOK);
        }

        assert_eq!(end_stale(folder.path(), &mark, Signal::TERM), Ok(Some(pid)));

        server.wait().expect("it has ended, so it can be reaped");
    }
}
