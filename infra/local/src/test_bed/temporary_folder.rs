//! A folder for the data of tests, which goes with the process that made it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::account::Account;
use crate::folders::{self, FolderError};
use crate::hold::hold;
use crate::process;

/// Names are this, the pid of the process that made it, and something random.
const NAME: &str = "jangbu-test-";

/// Removed when dropped; by the servers' supervisors if its process dies; by the next such process if they die too.
pub(super) struct TemporaryFolder {
    folder: tempfile::TempDir,
}

impl TemporaryFolder {
    pub(super) fn make() -> Result<Self, FolderError> {
        static SWEEP: Once = Once::new();
        let parent = folders::temporary();
        SWEEP.call_once(|| sweep(&parent));
        let prefix = format!("{NAME}{}-", std::process::id());
        let made = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&parent)
            .map_err(FolderError::at(&parent))?;
        // PostgreSQL may run as another account, which must enter the folder; its supervisor removes it, so it must own it.
        if let Some(account) = Account::to_drop_to()? {
            let open = fs::set_permissions(made.path(), fs::Permissions::from_mode(0o755));
            open.and_then(|()| account.own(made.path()))
                .map_err(FolderError::at(made.path()))?;
        }
        Ok(Self { folder: made })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes what processes that are gone have left.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for folder in entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| is_abandoned(path))
    {
        // Somebody else's, or being removed at this moment: either way not ours to worry about.
        let _ = fs::remove_dir_all(folder);
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let maker = folder
        .file_name()
        .and_then(|name| {
            name.to_str()?
                .strip_prefix(NAME)?
                .split('-')
                .next()?
                .parse()
                .ok()
        })
        .filter(|pid| !process::is_alive(*pid));
    // A pid says nothing about other containers that share the folder; the servers' locks hold across them.
    maker.is_some()
        && ["postgres", "kafka"]
            .into_iter()
            .all(|server| is_let_go(&folder.join(server)))
}

fn is_let_go(folder: &Path) -> bool {
    let lock: PathBuf = folder.join("held");
    !lock.exists() || hold(&lock).is_ok()
}
