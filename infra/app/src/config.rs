//! Configuration: defaults < `jangbu.toml` < `JANGBU_…` variables (`__` between levels) < flags.

mod known;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;

use config::{Config, Environment, File, FileFormat, Source, Value};
use serde::Deserialize;

pub use show::{Origin, Shown, show};

/// The defaults, and so the list of all keys there are.
pub const DEFAULTS: &str = include_str!("config/defaults.toml");
/// Read from the working directory if it is there and no other file is named.
const FILE: &str = "jangbu.toml";
/// Variables that begin like ours and are no configuration.
const OTHER_VARIABLES: &[&str] = &["JANGBU_CONFIG", "JANGBU_SEEDS", "JANGBU_UPDATE"];

/// The effective configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The event store.
    pub store: Store,
    /// PostgreSQL.
    pub database: Database,
    /// Kafka.
    pub kafka: Kafka,
    /// Where commands and queries arrive.
    pub http: Http,
    /// How much is taken on.
    pub engine: Engine,
    /// What is written to stderr.
    pub log: Log,
}

/// The event store's own words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Its name in `ce_source`.
    pub name: String,
}

/// Where PostgreSQL is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The application's URL; its role may append and read. Empty: none given.
    pub url: String,
    /// The owner's URL, for migrations only. Empty: the same as `url`.
    pub owner_url: String,
}

/// Where Kafka is, and how our topics are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// `host:port`, comma-separated. Empty: none given.
    pub brokers: String,
    /// Before every topic and group of ours.
    pub prefix: String,
    /// Partitions of a new topic; fixed at its creation.
    pub partitions: u32,
    /// Copies of each partition.
    pub replication_factor: i32,
    /// How long records are kept, in hours; -1: for ever.
    pub retention_hours: i64,
    /// Further properties of librdkafka: `security.protocol`, `sasl.username`, …
    pub properties: std::collections::BTreeMap<String, String>,
}

/// Where HTTP listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// Listen beyond this machine although nobody is authenticated: whoever reaches it may do everything.
    pub listen_without_authentication: bool,
}

/// How much the engine takes on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Workers; 0: as many as cores.
    pub workers: usize,
    /// Commands that may wait for an answer.
    pub waiting: usize,
    /// Aggregates in memory.
    pub cached_aggregates: usize,
    /// Events of one aggregate between two snapshots.
    pub snapshot_every: u64,
}

/// What is written to stderr.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter such as `info` or `jangbu_runtime=debug,warn`.
    pub filter: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that nobody knows.
    #[error("unknown setting {key:?} in {origin}; {advice}")]
    Unknown {
        /// The key, dotted.
        key: String,
        /// Where it was found.
        origin: String,
        /// The nearest known key.
        advice: String,
    },
    /// A value that cannot be used, or a file that cannot be read.
    #[error("configuration cannot be read")]
    Unreadable(#[from] config::ConfigError),
}

/// What the command line says, by dotted key.
pub type Flags = Vec<(&'static str, String)>;

/// Reads the configuration from its four sources.
///
/// # Errors
/// See [`ConfigError`].
pub fn read(file: Option<PathBuf>, flags: &Flags) -> Result<(Settings, Vec<Shown>), ConfigError> {
    let config = layers(file, flags)?;
    let values = known::flatten(config.collect()?);
    let known = known::keys();
    for (key, value) in &values {
        known::check(key, value, &known)?;
    }
    let shown = show(&values, flags);
    Ok((config.try_deserialize()?, shown))
}

fn layers(file: Option<PathBuf>, flags: &Flags) -> Result<Config, config::ConfigError> {
    let file = match file {
        Some(named) => File::from(named).required(true),
        None => File::new(FILE, FileFormat::Toml).required(false),
    };
    let mut builder = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(file)
        .add_source(environment());
    for (key, value) in flags {
        builder = builder.set_override(
            *key,
            Value::new(Some(&show::FLAG.to_owned()), value.clone()),
        )?;
    }
    builder.build()
}

/// `JANGBU_DATABASE__URL` is `database.url`.
fn environment() -> Environment {
    let ours = std::env::vars()
        .filter(|(name, _)| !OTHER_VARIABLES.contains(&name.as_str()))
        .collect();
    Environment::with_prefix("JANGBU")
        .prefix_separator("_")
        .separator("__")
        .source(Some(ours))
}
