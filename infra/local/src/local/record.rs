//! The two files beside the data: `local.json` says what runs now, `ports.json` which ports this folder had.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LocalError;
use crate::kafka::Kafka;
use crate::postgres::Postgres;

/// `local.json`, there while the pair runs, for scripts that want to find it.
#[derive(Serialize)]
pub(super) struct Record {
    pub(super) http: Option<String>,
    kafka: String,
    postgres: String,
    pids: Pids,
}

#[derive(Serialize)]
struct Pids {
    jangbu: u32,
    kafka: Option<u32>,
    postgres: Option<u32>,
}

impl Record {
    pub(super) fn new(
        database_url: &str,
        brokers: &str,
        postgres: Option<&Postgres>,
        kafka: Option<&Kafka>,
    ) -> Self {
        let pids = Pids {
            jangbu: std::process::id(),
            kafka: kafka.and_then(Kafka::pid),
            postgres: postgres.and_then(Postgres::pid),
        };
        Self {
            http: None,
            kafka: brokers.to_owned(),
            postgres: database_url.to_owned(),
            pids,
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), LocalError> {
        write(&Self::file(folder), self)
    }

    /// It says what runs; once nothing does, it goes. If it stays the next start overwrites it.
    pub(super) fn remove(folder: &Path) {
        let _ = fs::remove_file(Self::file(folder));
    }

    fn file(folder: &Path) -> PathBuf {
        folder.join("local.json")
    }
}

/// The ports this folder's servers had last.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) kafka: Option<u16>,
    pub(super) postgres: Option<u16>,
}

impl Ports {
    /// A file that cannot be read is no reason to refuse: then the defaults are tried.
    pub(super) fn read(folder: &Path) -> Self {
        fs::read(Self::file(folder))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// A server that was given this time keeps the port it had.
    pub(super) fn updated(self, postgres: Option<&Postgres>, kafka: Option<&Kafka>) -> Self {
        Self {
            kafka: kafka.map(Kafka::port).or(self.kafka),
            postgres: postgres.map(Postgres::port).or(self.postgres),
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), LocalError> {
        write(&Self::file(folder), self)
    }

    pub(super) fn file(folder: &Path) -> PathBuf {
        folder.join("ports.json")
    }
}

/// Whole or not at all, and for its owner only: a given database URL may have a password in it.
fn write(file: &Path, value: &impl Serialize) -> Result<(), LocalError> {
    let new = file.with_extension("json.new");
    let written = || -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        let _ = fs::remove_file(&new);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?
            .write_all(&text)?;
        fs::rename(&new, file)
    };
    written().map_err(LocalError::doing(format!("write {}", file.display())))
}
