//! Brings PostgreSQL and Apache Kafka, pinned in `pom.xml`, into the user's cache: once, by one process at a time.

mod format;
mod maven;
mod programs;
mod unpack;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};
use thiserror::Error;

pub(crate) use programs::java;

use crate::folders::{self, FolderError};
use crate::news::{News, Teller};

const POM: &str = include_str!("../pom.xml");

/// Raised when what is made of the downloads changes, so that caches of before are not used.
const RECIPE: &str = "1";

/// Why the servers could not be fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There is no place for them.
    #[error("no place for the servers")]
    Folder(#[from] FolderError),
    /// A program that fetching needs is not installed, or too old.
    #[error("{program} is missing ({found}); PostgreSQL and Kafka need it: {install}")]
    Missing {
        /// What is needed.
        program: &'static str,
        /// What was found instead.
        found: String,
        /// The line that installs it.
        install: String,
    },
    /// Maven ran and failed.
    #[error("maven could not fetch the servers ({status}); it said:\n{said}")]
    Maven {
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// What was fetched is not what was expected.
    #[error("the fetched archive is not usable: {0}")]
    Archive(String),
    /// Kafka's storage tool failed.
    #[error("kafka's storage tool failed ({status}); it said:\n{said}")]
    Format {
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// The file system or a process failed us.
    #[error("could not {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// The fetched servers.
#[derive(Clone, Debug)]
pub struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// One of PostgreSQL's programs.
    pub(crate) fn postgres_program(&self, name: &str) -> PathBuf {
        self.folder.join("postgres/bin").join(name)
    }

    /// The jars of Kafka, as Java wants to hear of them.
    pub(crate) fn kafka_classpath(&self) -> PathBuf {
        self.folder.join("lib/*")
    }

    /// The first metadata record of a freshly formatted broker.
    pub(crate) fn kafka_bootstrap(&self) -> PathBuf {
        self.folder.join(format::BOOTSTRAP)
    }
}

/// Finds the servers in the cache, or fetches them into it. Blocks: for seconds the first time, not at all afterwards.
pub fn fetch(tell: &Teller) -> Result<Parts, FetchError> {
    fetch_into(&folders::cache()?, tell)
}

fn fetch_into(cache: &Path, tell: &Teller) -> Result<Parts, FetchError> {
    let name = format!("servers-{}", fingerprint());
    let folder = cache.join(&name);
    // The folder is renamed into place when it is complete, so its existence says so.
    if folder.is_dir() {
        return Ok(Parts { folder });
    }
    let cache = folders::make(cache)?;
    folders::check_reach(&cache)?;
    let folder = cache.join(&name);
    let _lock = lock(&cache.join(format!("{name}.lock")), tell)?;
    if folder.is_dir() {
        return Ok(Parts { folder });
    }
    let began = Instant::now();
    tell(&News::Fetching(folder.clone()));
    let building = cache.join(format!("{name}.building"));
    // We hold the lock, so whatever stands here was left by a fetch that died.
    remove(&building)?;
    build(&building, tell)?;
    fs::rename(&building, &folder)
        .map_err(FetchError::doing(format!("rename {}", building.display())))?;
    tell(&News::Fetched(began.elapsed()));
    Ok(Parts { folder })
}

fn build(building: &Path, tell: &Teller) -> Result<(), FetchError> {
    let java = programs::checked_java()?;
    fs::create_dir_all(building)
        .map_err(FetchError::doing(format!("make {}", building.display())))?;
    let pom = building.join("pom.xml");
    fs::write(&pom, POM).map_err(FetchError::doing(format!("write {}", pom.display())))?;
    maven::run(&pom, building, tell)?;
    tell(&News::Unpacking);
    let downloaded = building.join("unpacked");
    unpack::txz_in(&downloaded, &building.join("postgres"))?;
    remove(&downloaded)?;
    format::bootstrap(&java, building)?;
    unpack::let_others_read(building).map_err(FetchError::doing(
        "open the servers to the account they run as",
    ))
}

/// Waits for the right to fetch. The lock dies with its holder, so a killed fetch blocks nobody.
fn lock(path: &Path, tell: &Teller) -> Result<File, FetchError> {
    let doing = format!("lock {}", path.display());
    let file = File::create(path).map_err(FetchError::doing(doing.clone()))?;
    if file.try_lock().is_err() {
        tell(&News::WaitingForAnotherFetch);
        file.lock().map_err(FetchError::doing(doing))?;
    }
    Ok(file)
}

fn remove(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::Io {
            doing: format!("remove {}", folder.display()),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// What tells caches apart: everything that decides what lies in them.
fn fingerprint() -> String {
    let hash = Sha256::new()
        .chain_update(RECIPE)
        .chain_update(std::env::consts::ARCH)
        .chain_update(POM)
        .finalize();
    hash.iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fetches into an empty cache: minutes on a slow line, so `cargo test -- --ignored` asks for it.
    #[test]
    #[ignore = "downloads 75 MB unless Maven's repository has them"]
    fn two_fetches_at_once_download_once_and_agree() {
        let cache = tempfile::tempdir_in(folders::temporary()).expect("a temporary folder");
        fs::set_permissions(
            cache.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("mode");
        let fetches = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = fetches.clone();
        let tell: Teller = std::sync::Arc::new(move |news| {
            if matches!(news, News::Fetching(_)) {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        });
        let folders: Vec<PathBuf> = std::thread::scope(|scope| {
            let both = [0, 1]
                .map(|_| scope.spawn(|| fetch_into(cache.path(), &tell).expect("a fetch").folder));
            both.map(|one| one.join().expect("no panic")).into()
        });
        assert_eq!(folders[0], folders[1]);
        assert_eq!(fetches.load(std::sync::atomic::Ordering::SeqCst), 1);
        let parts = Parts {
            folder: folders[0].clone(),
        };
        assert!(parts.postgres_program("postgres").is_file());
        assert!(parts.kafka_bootstrap().is_file());
    }
}
