//! What these tests share: a folder the servers can reach, a raw question to Kafka, and looking whether a process lives.
#![expect(dead_code, reason = "every test binary takes what it needs")]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A folder that other accounts may enter, as PostgreSQL needs it when root runs the tests.
pub fn open_folder() -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("jangbu-local-")
        .tempdir()
        .expect("a temporary folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
        .expect("its mode");
    folder
}

/// How many kinds of requests the broker says it understands: 0 bytes of a body are the oldest ApiVersions request.
pub fn kafka_api_versions(port: u16) -> io::Result<usize> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    assert_eq!(
        answer[..6],
        [0, 0, 0, 7, 0, 0],
        "our correlation id and no error"
    );
    Ok(u32::from_be_bytes([answer[6], answer[7], answer[8], answer[9]]) as usize)
}

pub fn is_alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("not zero");
    rustix::process::test_kill_process(pid).is_ok()
}

/// A command like the one that process `pid` was started with, for the same account.
#[cfg(target_os = "linux")]
pub fn same_as(pid: u32) -> std::process::Command {
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("its command line");
    let mut words = line
        .split(|byte| *byte == 0)
        .map(|word| std::ffi::OsString::from_vec(word.to_vec()));
    let mut command = std::process::Command::new(words.next().expect("a program"));
    let mut words: Vec<_> = words.collect();
    // The line ends with a zero byte, after which there is no word.
    words.pop();
    let owner = std::fs::metadata(format!("/proc/{pid}")).expect("its owner");
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
        .args(words)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    command
}

/// Waits until `condition` holds; false if it does not within `limit`.
pub async fn eventually<F: Future<Output = bool>>(
    limit: Duration,
    condition: impl Fn() -> F,
) -> bool {
    let until = Instant::now() + limit;
    while !condition().await {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}
