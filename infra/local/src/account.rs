//! As whom PostgreSQL runs: it refuses to run as root, so root hands it to an account without rights.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::folders::FolderError;

/// Accounts in the order they are tried: a machine that has PostgreSQL installed has the first, every machine the second.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// An account to drop to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account to drop to, or `None` where we are not root and need none.
    pub(crate) fn to_drop_to() -> Result<Option<Self>, FolderError> {
        if !is_root() {
            return Ok(None);
        }
        // Read here rather than asked of `getent`, which small images lack.
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        CANDIDATES
            .iter()
            .find_map(|name| Self::in_passwd(&passwd, name))
            .map(Some)
            .ok_or(FolderError::NoAccount)
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Self { uid, gid })
    }

    /// Makes `path` this account's own.
    pub(crate) fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }

    /// Makes `command` run as this account, without root's groups.
    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nmynobody:x:7:7::/:/bin/sh\nnobody:x:65534:65533:nobody:/nonexistent:/bin/sh\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let account = Account::in_passwd(PASSWD, "nobody").expect("nobody is listed");
        assert_eq!((account.uid, account.gid), (65534, 65533));
        assert!(Account::in_passwd(PASSWD, "postgres").is_none());
    }

    #[test]
    fn an_account_with_the_rights_of_root_is_none_to_drop_to() {
        assert!(Account::in_passwd(PASSWD, "root").is_none());
    }
}
