//! A real Apache Kafka: one broker that is its own controller (KRaft), formatted, started, asked whether it answers.

mod storage;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

pub(crate) use storage::properties;

use crate::fetch::{self, Parts};
use crate::folders;
use crate::log_file::LogFile;
use crate::news::Teller;
use crate::ports::{self, Port};
use crate::process;
use crate::server::{Kind, Server, ServerError};
use crate::supervisor::{Ending, Order};

const NAME: &str = "Kafka";
const PROPERTIES: &str = "server.properties";
/// On one machine those who answer people go first; what the relay has yet to tell is stored already.
const NICENESS: &str = "10";

/// What to start.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Where everything of this broker lies: data, log, pid file.
    pub folder: PathBuf,
    /// Where it listens.
    pub port: Port,
    /// The folder is removed when this process is gone.
    pub temporary: bool,
}

/// A running Kafka of ours. It ends when the last clone is dropped, or with this process.
#[derive(Clone)]
pub struct Kafka {
    server: Server,
}

impl Kafka {
    /// Starts a broker, formatting its data first where there are none. Blocks for a second or two.
    pub fn start(parts: &Parts, options: KafkaOptions, tell: &Teller) -> Result<Self, ServerError> {
        let folder = folders::make(&options.folder)?;
        let kind = KafkaKind {
            parts: parts.clone(),
            folder,
            temporary: options.temporary,
        };
        let server = Server::start(Box::new(kind), options.port, tell)?;
        wire::make_offsets_topic(server.port());
        Ok(Self { server })
    }

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The broker's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.server.log()
    }

    /// Whether the broker lives.
    pub async fn is_running(&self) -> bool {
        self.server.is_running().await
    }

    /// Ends it in order. Whether it ended by itself within the limit.
    pub async fn stop(&self) -> bool {
        self.server.stop().await
    }

    /// kill -9 of the broker, as a crash would be.
    pub async fn kill(&self) {
        self.server.kill().await;
    }

    /// Starts it after [`Self::kill`] or [`Self::stop`], on the same port and data.
    pub async fn start_again(&self) -> Result<(), ServerError> {
        self.server.start_again().await
    }
}

/// Ends a Kafka that an earlier run left alive on `folder`. For whoever is about to remove the folder.
pub(crate) fn end_orphan(folder: &Path) -> Result<Option<u32>, ServerError> {
    process::end_stale(folder, &folder.join(PROPERTIES), Signal::TERM)
        .map_err(|pid| ServerError::Stale { server: NAME, pid })
}

struct KafkaKind {
    parts: Parts,
    folder: PathBuf,
    temporary: bool,
}

impl Kind for KafkaKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn gentle(&self) -> Signal {
        Signal::TERM
    }

    fn end_stale(&self) -> Result<Option<u32>, ServerError> {
        end_orphan(&self.folder)
    }

    fn prepare(&self) -> Result<(), ServerError> {
        storage::format(&self.data(), &self.parts.kafka_bootstrap())
    }

    fn order(&self, port: u16, log: fs::File) -> Result<Order, ServerError> {
        let properties = self.properties();
        fs::write(
            &properties,
            storage::properties(&self.data(), port, ports::any_free()),
        )
        .map_err(ServerError::doing(format!(
            "write {}",
            properties.display()
        )))?;
        let temporary = fresh(&self.folder.join("tmp"))?;
        let mut io_tmpdir = std::ffi::OsString::from("-Djava.io.tmpdir=");
        io_tmpdir.push(temporary);
        let mut arguments: Vec<std::ffi::OsString> = vec![
            "-n".into(),
            NICENESS.into(),
            fetch::java().into(),
            "-Xmx512m".into(),
            "-XX:+UseSerialGC".into(),
            // The quick compiler only: half the time to start, and the throughput of a developer's machine is enough.
            "-XX:TieredStopAtLevel=1".into(),
            // A broker out of memory limps; one that ends is seen.
            "-XX:+ExitOnOutOfMemoryError".into(),
            "-XX:-UsePerfData".into(),
            // Native libraries unpacked here would otherwise stay in /tmp after a kill.
            io_tmpdir,
            "-Dorg.slf4j.simpleLogger.showDateTime=true".into(),
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS".into(),
            "-cp".into(),
            self.parts.kafka_classpath().into(),
            "kafka.Kafka".into(),
        ];
        arguments.push(properties.into());
        let ending = if self.temporary {
            Ending {
                signal: "KILL",
                grace: Duration::from_secs(2),
                remove: Some(self.folder.clone()),
            }
        } else {
            Ending {
                signal: "TERM",
                grace: Duration::from_secs(4),
                remove: None,
            }
        };
        Ok(Order {
            program: "nice".into(),
            arguments,
            folder: self.folder.clone(),
            log,
            account: None,
            ending,
        })
    }

    fn answers(&self, port: u16, _pid: u32) -> bool {
        wire::cluster_id(port).is_ok_and(|id| Some(id) == storage::cluster_id(&self.data()))
    }

    fn met_remains(&self, _log: &LogFile) -> bool {
        false
    }
}

impl KafkaKind {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn properties(&self) -> PathBuf {
        self.folder.join(PROPERTIES)
    }
}

/// `folder`, made anew.
fn fresh(folder: &Path) -> Result<PathBuf, ServerError> {
    if folder.is_dir() {
        fs::remove_dir_all(folder)
            .map_err(ServerError::doing(format!("empty {}", folder.display())))?;
    }
    fs::create_dir_all(folder).map_err(ServerError::doing(format!("make {}", folder.display())))?;
    Ok(folder.to_owned())
}
