//! Real servers for tests: one pair per test binary, and pairs of their own for tests that kill them.
//!
//! Their data lie in the temporary folder and go with the test binary, however it ends: the supervisors see to it, and what
//! they could not do the next test binary does ([`TemporaryFolder`]). fsync stays on, since durability is what is tested.

mod temporary_folder;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use temporary_folder::TemporaryFolder;

use crate::fetch::fetch;
use crate::kafka::{Kafka, KafkaOptions};
use crate::news::{News, Teller};
use crate::ports::Port;
use crate::postgres::{Postgres, PostgresOptions};
use crate::server::ServerError;

static BED: OnceLock<Result<TestBed, String>> = OnceLock::new();

/// The pair that all tests of one binary share, each with a database and a topic prefix of its own.
pub struct TestBed {
    servers: OwnServers,
    handed_out: AtomicU32,
}

impl TestBed {
    /// The pair, started by whoever asks first.
    ///
    /// # Panics
    /// If it cannot be started: then no test that needs it can say anything.
    pub async fn get() -> &'static Self {
        let bed = apart(|| {
            BED.get_or_init(|| {
                Ok(Self {
                    servers: start().map_err(|error| error.chain())?,
                    handed_out: AtomicU32::new(1),
                })
            })
        });
        match bed.await {
            Ok(bed) => bed,
            Err(why) => panic!("the tests' PostgreSQL and Kafka did not start: {why}"),
        }
    }

    /// The superuser's database, for making others.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.servers.postgres.url()
    }

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.servers.kafka.brokers()
    }

    /// A name no other test has, fit for a database, a schema or a role.
    #[must_use]
    pub fn fresh_name(&self) -> String {
        format!("test_{}", self.handed_out.fetch_add(1, Ordering::Relaxed))
    }

    /// A prefix of topics and groups that no other test has.
    #[must_use]
    pub fn fresh_prefix(&self) -> String {
        format!("test{}.", self.handed_out.fetch_add(1, Ordering::Relaxed))
    }

    /// A new, empty database; the URL for its superuser.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn fresh_database(&self) -> String {
        self.servers.fresh_database(&self.fresh_name()).await
    }
}

/// A pair of its own, for a test that kills it. Ends and goes when dropped.
pub struct OwnServers {
    /// The database server.
    pub postgres: Postgres,
    /// The broker.
    pub kafka: Kafka,
    // Last: removed when both servers have ended.
    _folder: TemporaryFolder,
}

impl OwnServers {
    /// Starts both at the same time.
    ///
    /// # Panics
    /// If they cannot be started.
    pub async fn start() -> Self {
        match apart(start).await {
            Ok(servers) => servers,
            Err(error) => panic!(
                "a test's own PostgreSQL and Kafka did not start: {}",
                error.chain()
            ),
        }
    }

    /// A new, empty database; the URL for its superuser.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn fresh_database(&self, name: &str) -> String {
        if let Err(error) = self
            .postgres
            .query("postgres", &format!("CREATE DATABASE {name}"))
            .await
        {
            panic!("no database for the test: {}", error.chain());
        }
        self.postgres.url_of(name)
    }
}

fn start() -> Result<OwnServers, ServerError> {
    let tell = fetching_only();
    let parts = fetch(&tell)?;
    let folder = TemporaryFolder::make()?;
    let postgres = PostgresOptions {
        folder: folder.path().join("postgres"),
        port: Port::Free,
        fsync: true,
        temporary: true,
    };
    let kafka = KafkaOptions {
        folder: folder.path().join("kafka"),
        port: Port::Free,
        temporary: true,
    };
    let (postgres, kafka) = std::thread::scope(|scope| {
        let postgres = scope.spawn(|| Postgres::start(&parts, postgres, &tell));
        let kafka = Kafka::start(&parts, kafka, &tell);
        (
            postgres
                .join()
                .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)),
            kafka,
        )
    });
    Ok(OwnServers {
        postgres: postgres?,
        kafka: kafka?,
        _folder: folder,
    })
}

/// The first run fetches for a while and says so; otherwise tests are quiet.
fn fetching_only() -> Teller {
    std::sync::Arc::new(|news| {
        if matches!(
            news,
            News::Fetching(_) | News::WaitingForAnotherFetch | News::Fetched(_)
        ) {
            eprintln!("{news}");
        }
    })
}

/// Runs what blocks on a thread that may.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}
