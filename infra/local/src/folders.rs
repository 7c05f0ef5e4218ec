//! Where things lie: the cache of fetched servers, a developer's data, the temporary data of tests.
//!
//! Started by root, PostgreSQL runs as another account (see `account`), and must reach its programs and its data. Root's
//! home is closed to others (mode 700) on most systems, so for root the usual folders give way to those under `/var`
//! unless every folder above them lets others pass.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::account;

const OURS: &str = "jangbu";

/// Why there is no place for the servers' files.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Neither an XDG variable nor HOME says where.
    #[error("no folder for the {what}: set HOME or {variable}")]
    NoHome {
        /// What was to lie there.
        what: &'static str,
        /// The variable that would say where.
        variable: &'static str,
    },
    /// Root asked for a folder that the account PostgreSQL drops to cannot enter.
    #[error(
        "{folder} cannot hold PostgreSQL's files: run by root it drops to another account, which may not enter {closed}; choose a folder that others may enter, such as /var/lib/jangbu"
    )]
    OutOfReach {
        /// The folder asked for.
        folder: PathBuf,
        /// The folder on the way to it that is closed.
        closed: PathBuf,
    },
    /// Root has nobody to hand PostgreSQL to.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither an account `postgres` nor `nobody` to drop to"
    )]
    NoAccount,
    /// The folder could not be made or entered.
    #[error("cannot use {folder}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FolderError {
    pub(crate) fn at(folder: &Path) -> impl FnOnce(io::Error) -> Self {
        let folder = folder.to_owned();
        move |source| Self::Io { folder, source }
    }
}

/// The folder of fetched servers, shared by all checkouts of this user.
pub(crate) fn cache() -> Result<PathBuf, FolderError> {
    usual("cache", "XDG_CACHE_HOME", ".cache", "/var/cache")
}

/// The folder of a developer's data.
pub(crate) fn data() -> Result<PathBuf, FolderError> {
    usual("data", "XDG_DATA_HOME", ".local/share", "/var/lib")
}

/// The folder under which tests make theirs.
pub(crate) fn temporary() -> PathBuf {
    let usual = env::temp_dir();
    if account::is_root() && closed_on_the_way_to(&usual).is_some() {
        PathBuf::from("/tmp")
    } else {
        usual
    }
}

/// Makes `folder`, absolute and without links in it, so that a command line naming it can be recognised later. What root
/// makes others may pass, whatever its umask: see above.
pub(crate) fn make(folder: &Path) -> Result<PathBuf, FolderError> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .filter(|step| !step.as_os_str().is_empty() && !step.exists())
        .collect();
    fs::create_dir_all(folder).map_err(FolderError::at(folder))?;
    if account::is_root() {
        for made in missing {
            fs::set_permissions(made, fs::Permissions::from_mode(0o755))
                .map_err(FolderError::at(made))?;
        }
    }
    folder.canonicalize().map_err(FolderError::at(folder))
}

/// Refuses a folder that the account PostgreSQL drops to could not reach.
pub(crate) fn check_reach(folder: &Path) -> Result<(), FolderError> {
    match closed_on_the_way_to(folder) {
        Some(closed) if account::is_root() => Err(FolderError::OutOfReach {
            folder: folder.to_owned(),
            closed,
        }),
        _ => Ok(()),
    }
}

fn usual(
    what: &'static str,
    variable: &'static str,
    under_home: &str,
    for_root: &str,
) -> Result<PathBuf, FolderError> {
    let usual = env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(under_home)))
        .map(|path| path.join(OURS));
    match usual {
        Some(path) if !account::is_root() || closed_on_the_way_to(&path).is_none() => Ok(path),
        _ if account::is_root() => Ok(Path::new(for_root).join(OURS)),
        _ => Err(FolderError::NoHome { what, variable }),
    }
}

/// The first folder on the way to `path`, itself included, that others may not pass.
fn closed_on_the_way_to(path: &Path) -> Option<PathBuf> {
    const OTHERS_PASS: u32 = 0o001;
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    way.into_iter()
        .find(|step| {
            fs::metadata(step).is_ok_and(|meta| meta.permissions().mode() & OTHERS_PASS == 0)
        })
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_below_a_closed_one_is_out_of_reach() {
        let top = tempfile::tempdir().expect("a temporary folder");
        let open = top.path().join("closed/open");
        fs::create_dir_all(&open).expect("folders");
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        assert_eq!(closed_on_the_way_to(&open.join("not yet there")), None);

        fs::set_permissions(top.path().join("closed"), fs::Permissions::from_mode(0o700))
            .expect("mode");
        assert_eq!(closed_on_the_way_to(&open), Some(top.path().join("closed")));
    }
}
