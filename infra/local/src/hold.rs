//! One process per folder: a lock that dies with its holder, and says who that is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The right to use a folder, until dropped or dead.
pub(crate) struct Hold {
    _file: File,
}

/// Why the right was not given.
pub(crate) enum HoldError {
    /// A live process has it.
    Taken(Option<u32>),
    Io(io::Error),
}

/// Takes the lock `file`, and writes our pid into it for those who come too late.
pub(crate) fn hold(file: &Path) -> Result<Hold, HoldError> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(file);
    let mut file = opened.map_err(HoldError::Io)?;
    match file.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => return Err(HoldError::Taken(holder(&mut file))),
        Err(TryLockError::Error(error)) => return Err(HoldError::Io(error)),
    }
    write_pid(&mut file).map_err(HoldError::Io)?;
    Ok(Hold { _file: file })
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_too_late_hears_who_holds_it_and_gets_it_when_that_one_lets_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("lock");
        let first = hold(&file);
        assert!(first.is_ok());
        assert!(
            matches!(hold(&file), Err(HoldError::Taken(Some(pid))) if pid == std::process::id())
        );
        drop(first);
        assert!(hold(&file).is_ok());
    }
}
