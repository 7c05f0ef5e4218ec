//! The pair a developer keeps: its data survive restarts, its ports stay the same, one process has it at a time.

mod error;
mod missing;
mod record;

pub use error::LocalError;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use crate::folders;
use crate::hold::{Hold, HoldError, hold};
use crate::kafka::Kafka;
use crate::news::Teller;
use crate::ports::Port;
use crate::postgres::Postgres;

use record::{Ports, Record};

/// How often [`Local::server_lost`] looks.
const WATCH: Duration = Duration::from_millis(250);

/// What to start, and what is there already.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// The folder of the data; the user's data folder if none is given.
    pub data: Option<PathBuf>,
    /// Wipe the data first.
    pub fresh: bool,
    /// Where Kafka listens: by default where it did before, or 9092, or any free port.
    pub kafka: Option<Port>,
    /// Where PostgreSQL listens: by default where it did before, or 5433, or any free port.
    pub postgres: Option<Port>,
    /// A database that is there already (`JANGBU_DATABASE__URL`); then no PostgreSQL is started.
    pub given_database: Option<String>,
    /// Brokers that are there already (`JANGBU_KAFKA__BROKERS`); then no Kafka is started.
    pub given_brokers: Option<String>,
}

/// The running pair, or that part of it that was not given. Stopped by [`Local::stop`], else ended when dropped.
pub struct Local {
    folder: PathBuf,
    record: Mutex<Record>,
    postgres: Option<Postgres>,
    kafka: Option<Kafka>,
    database_url: String,
    brokers: String,
    // Last: the folder is let go when nothing uses it any more.
    _hold: Hold,
}

impl Local {
    /// Where the data lie if nobody says otherwise.
    pub fn default_folder() -> Result<PathBuf, LocalError> {
        Ok(folders::data()?)
    }

    /// Starts what is not given, both servers at the same time, and writes `local.json`.
    pub async fn start(options: LocalOptions, tell: Teller) -> Result<Self, LocalError> {
        apart(move || Self::start_blocking(options, &tell)).await
    }

    /// Removes all data in `folder` (the default one if none is given). Refused while a process uses them.
    pub async fn wipe(folder: Option<PathBuf>) -> Result<(), LocalError> {
        apart(move || {
            let (folder, _hold) = take(folder)?;
            wipe(&folder)
        })
        .await
    }

    fn start_blocking(options: LocalOptions, tell: &Teller) -> Result<Self, LocalError> {
        let (folder, hold) = take(options.data.clone())?;
        if options.fresh {
            wipe(&folder)?;
        }
        let before = Ports::read(&folder);
        let (postgres, kafka) = missing::start(&options, &before, &folder, tell)?;
        let database_url = postgres
            .as_ref()
            .map(Postgres::url)
            .or(options.given_database)
            .unwrap_or_default();
        let brokers = kafka
            .as_ref()
            .map(Kafka::brokers)
            .or(options.given_brokers)
            .unwrap_or_default();
        before
            .updated(postgres.as_ref(), kafka.as_ref())
            .write(&folder)?;
        let record = Record::new(&database_url, &brokers, postgres.as_ref(), kafka.as_ref());
        record.write(&folder)?;
        Ok(Self {
            folder,
            record: Mutex::new(record),
            postgres,
            kafka,
            database_url,
            brokers,
            _hold: hold,
        })
    }

    /// The folder of the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where PostgreSQL is, ours or the given one.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Where Kafka is, ours or the given one.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Our PostgreSQL, unless one was given.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// Our Kafka, unless one was given.
    #[must_use]
    pub fn kafka(&self) -> Option<&Kafka> {
        self.kafka.as_ref()
    }

    /// Adds to `local.json` where the application listens.
    pub fn note_http(&self, address: SocketAddr) -> Result<(), LocalError> {
        let mut record = self
            .record
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        record.http = Some(address.to_string());
        record.write(&self.folder)
    }

    /// Waits until one of our servers ends without being asked to; says which, and where its log is. Never returns if both
    /// were given.
    pub async fn server_lost(&self) -> (&'static str, PathBuf) {
        loop {
            if let Some(postgres) = &self.postgres
                && !postgres.is_running().await
            {
                return ("PostgreSQL", postgres.log());
            }
            if let Some(kafka) = &self.kafka
                && !kafka.is_running().await
            {
                return ("Kafka", kafka.log());
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Stops our servers in order, both at the same time. Whether both ended by themselves within their limit.
    pub async fn stop(&self) -> bool {
        let postgres = async {
            match &self.postgres {
                Some(postgres) => postgres.stop().await,
                None => true,
            }
        };
        let kafka = async {
            match &self.kafka {
                Some(kafka) => kafka.stop().await,
                None => true,
            }
        };
        let (postgres, kafka) = tokio::join!(postgres, kafka);
        Record::remove(&self.folder);
        postgres && kafka
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        Record::remove(&self.folder);
    }
}

fn take(folder: Option<PathBuf>) -> Result<(PathBuf, Hold), LocalError> {
    let folder = match folder {
        Some(folder) => folder,
        None => folders::data()?,
    };
    let folder = folders::make(&folder)?;
    match hold(&folder.join("local.lock")) {
        Ok(hold) => Ok((folder, hold)),
        Err(HoldError::Taken(holder)) => Err(LocalError::Held { folder, holder }),
        Err(HoldError::Io(source)) => Err(LocalError::Io {
            doing: format!("lock {}", folder.display()),
            source,
        }),
    }
}

/// Removes what we put there and nothing else: somebody may have said `--data .`
fn wipe(folder: &Path) -> Result<(), LocalError> {
    let (postgres, kafka) = (folder.join("postgres"), folder.join("kafka"));
    crate::postgres::end_orphan(&postgres)?;
    crate::kafka::end_orphan(&kafka)?;
    for path in [postgres, kafka] {
        remove(fs::remove_dir_all(&path), &path)?;
    }
    Record::remove(folder);
    let ports = Ports::file(folder);
    remove(fs::remove_file(&ports), &ports)
}

fn remove(result: io::Result<()>, path: &Path) -> Result<(), LocalError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LocalError::doing(format!(
            "remove {}",
            path.display()
        ))(error)),
        _ => Ok(()),
    }
}

/// Runs what blocks on a thread that may.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}
