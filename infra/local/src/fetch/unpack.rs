//! Unpacks PostgreSQL's archive without the `tar` and `xz` of the machine, which may have neither.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lzma_rust2::XzReader;
use tar::Archive;

use super::FetchError;

/// Unpacks the one `.txz` that lies in `folder`.
pub(super) fn txz_in(folder: &Path, target: &Path) -> Result<(), FetchError> {
    let listed =
        fs::read_dir(folder).map_err(FetchError::doing(format!("list {}", folder.display())))?;
    let path = listed
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "txz"))
        .ok_or_else(|| FetchError::Archive(format!("no .txz in {}", folder.display())))?;
    let file = File::open(&path).map_err(FetchError::doing(format!("open {}", path.display())))?;
    fs::create_dir_all(target).map_err(FetchError::doing(format!("make {}", target.display())))?;
    let mut archive = Archive::new(XzReader::new(BufReader::new(file), true));
    archive.set_preserve_permissions(true);
    archive
        .unpack(target)
        .map_err(FetchError::doing(format!("unpack {}", path.display())))
}

/// Lets every account read what root fetched, whatever root's umask is: PostgreSQL runs as another.
pub(super) fn let_others_read(path: &Path) -> io::Result<()> {
    const READ: u32 = 0o444;
    const PASS: u32 = 0o111;
    const OWNER_RUNS: u32 = 0o100;
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(());
    }
    let mode = meta.permissions().mode();
    let pass = if meta.is_dir() || mode & OWNER_RUNS != 0 {
        PASS
    } else {
        0
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode | READ | pass))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            let_others_read(&entry?.path())?;
        }
    }
    Ok(())
}
