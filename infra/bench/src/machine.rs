//! What it was measured on: cores, memory, the disk's fdatasync, versions and settings.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::Connection;

use crate::bench::Servers;

/// Writes of which the median is told.
const SYNCS: usize = 200;
/// A page of the write-ahead log is twice this; disks write no less.
const BLOCK: usize = 4_096;

/// Where our own servers' versions are pinned.
const POM: &str = include_str!("../../local/pom.xml");

const SETTINGS: [&str; 14] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_sync_method",
    "data_checksums",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "commit_delay",
    "max_connections",
    "autovacuum",
];

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    /// What they are called.
    pub processor: String,
    /// Megabytes.
    pub memory_megabytes: u64,
    /// The kernel.
    pub system: String,
    /// Median milliseconds of one write of 4 KiB and its fdatasync.
    pub fdatasync_milliseconds: f64,
    /// Where that was measured.
    pub fdatasync_in: &'static str,
    /// Settings by name.
    pub postgres: BTreeMap<String, String>,
    /// What is known of the broker.
    pub kafka: BTreeMap<String, String>,
    /// Who shares what.
    pub note: &'static str,
}

impl Machine {
    /// Looks around.
    pub async fn describe(servers: &Servers) -> Result<Self> {
        let mut admin = servers.admin().await?;
        let mut postgres = BTreeMap::new();
        for name in SETTINGS {
            // A name that an older server does not know is left out.
            let setting: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
                .bind(name)
                .fetch_one(&mut admin)
                .await?;
            postgres.extend(setting.map(|setting| (name.to_owned(), setting)));
        }
        let data: Option<String> =
            sqlx::query_scalar("SELECT current_setting('data_directory', true)")
                .fetch_one(&mut admin)
                .await?;
        admin.close().await?;
        let beside_data = data
            .map(PathBuf::from)
            .and_then(|data| data.parent().map(ToOwned::to_owned));
        let (fdatasync, fdatasync_in) = tokio::task::spawn_blocking(move || {
            let beside = beside_data.and_then(|folder| time_syncs(&folder).ok());
            match beside {
                Some(took) => Ok((took, "the folder of PostgreSQL's data")),
                None => {
                    time_syncs(&std::env::temp_dir()).map(|took| (took, "the temporary folder"))
                }
            }
        })
        .await??;
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            processor: line_of("/proc/cpuinfo", "model name"),
            memory_megabytes: line_of("/proc/meminfo", "MemTotal")
                .split_whitespace()
                .next()
                .and_then(|kilobytes| kilobytes.parse::<u64>().ok())
                .unwrap_or(0)
                / 1_024,
            system: std::fs::read_to_string("/proc/version")
                .map(|version| version.split(" (").next().unwrap_or_default().to_owned())
                .unwrap_or_default(),
            fdatasync_milliseconds: fdatasync.as_secs_f64() * 1_000.0,
            fdatasync_in,
            postgres,
            kafka: kafka(servers),
            note: "load generators, PostgreSQL, Kafka, ours and the peers share these cores",
        })
    }
}

/// The middle of many small durable writes.
fn time_syncs(folder: &std::path::Path) -> Result<Duration> {
    let mut file: File = tempfile::tempfile_in(folder).context("a file to write to")?;
    let block = [7_u8; BLOCK];
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.seek(SeekFrom::Start(0))?;
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[SYNCS / 2])
}

fn kafka(servers: &Servers) -> BTreeMap<String, String> {
    let said = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    if servers.own().is_none() {
        return BTreeMap::from([said("broker", "given, not described")]);
    }
    let version = POM
        .split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once("</kafka.version>"))
        .map_or("unknown", |(version, _)| version);
    BTreeMap::from([
        said("version", version),
        said("nodes", "1, KRaft, broker and controller in one process"),
        said("memory", "-Xmx512m"),
        said("durability", "replication factor 1, flushed by the system"),
    ])
}

fn line_of(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .find(|line| line.starts_with(name))
        .and_then(|line| line.split_once(':'))
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}
