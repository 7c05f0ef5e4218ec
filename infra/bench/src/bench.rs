//! What every side gets: the servers, the plan, fresh databases and topics, and a voice.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jangbu_local::OwnServers;
use jangbu_postgres::testing::{self, Fresh};
use sqlx::{Connection, Executor, PgConnection};

use crate::plan::Plan;

/// PostgreSQL and Kafka, ours or given.
pub struct Servers {
    postgres: String,
    brokers: String,
    own: Option<OwnServers>,
    handed_out: AtomicU32,
    /// Databases that outlive a round.
    kept: Mutex<Vec<String>>,
}

impl Servers {
    /// A pair of our own, whose data go with it.
    pub async fn start() -> Self {
        let own = OwnServers::start().await;
        Self {
            postgres: own.postgres.url(),
            brokers: own.kafka.brokers(),
            own: Some(own),
            handed_out: AtomicU32::new(1),
            kept: Mutex::default(),
        }
    }

    /// Given ones: a superuser's URL, and brokers.
    #[must_use]
    pub fn given(postgres: String, brokers: String) -> Self {
        Self {
            postgres,
            brokers,
            own: None,
            handed_out: AtomicU32::new(1),
            kept: Mutex::default(),
        }
    }

    /// The superuser's database.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.postgres
    }

    /// What clients take as `bootstrap.servers`.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Our own pair, where it is ours: for the pids of its processes.
    #[must_use]
    pub fn own(&self) -> Option<&OwnServers> {
        self.own.as_ref()
    }

    /// A superuser's connection.
    pub async fn admin(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.postgres)
            .await
            .context("PostgreSQL does not answer")
    }

    /// Keeps a database beyond the round, until its scenario is over.
    pub fn keep(&self, url: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(database_of(url).to_owned());
    }

    /// Forgets what was kept.
    pub fn keep_nothing(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }

    /// Drops the databases that rounds left behind, and lets the next round begin with a checkpoint behind it.
    pub async fn tidy(&self) -> Result<()> {
        let mut admin = self.admin().await?;
        let names: Vec<String> =
            sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE $1")
                .bind(format!("fresh\\_{}\\_%", std::process::id()))
                .fetch_all(&mut admin)
                .await?;
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for name in names.iter().filter(|name| !kept.contains(name)) {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            admin.execute(drop.as_str()).await?;
        }
        admin.execute("CHECKPOINT").await?;
        admin.close().await?;
        Ok(())
    }

    /// A copy of a database to which nobody is connected: its URL for the owner. Dropped when the round is over.
    pub async fn copy(&self, of: &Fresh) -> Result<Fresh> {
        let url = testing::fresh_database(&self.postgres).await;
        let (from, to) = (database_of(&of.owner_url), database_of(&url));
        let mut admin = self.admin().await?;
        admin
            .execute(format!("DROP DATABASE {to}").as_str())
            .await?;
        let copy = format!("CREATE DATABASE {to} TEMPLATE {from} STRATEGY file_copy");
        admin
            .execute(copy.as_str())
            .await
            .context("copy a prepared database")?;
        admin.close().await?;
        Ok(Fresh {
            owner_url: url.clone(),
            url: of.url.replace(from, to),
        })
    }
}

/// The part of a URL that names the database.
fn database_of(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

/// What every side gets.
#[derive(Clone)]
pub struct Bench {
    /// PostgreSQL and Kafka.
    pub servers: Arc<Servers>,
    /// How much is measured.
    pub plan: Plan,
    /// Which round this is, from 0.
    pub round: usize,
}

impl Bench {
    /// A new database with a migrated store. Dropped when the side's round is over.
    pub async fn fresh_store(&self) -> Fresh {
        testing::fresh(self.servers.admin_url(), &[]).await
    }

    /// A new, empty database. Dropped when the side's round is over.
    pub async fn fresh_database(&self) -> String {
        testing::fresh_database(self.servers.admin_url()).await
    }

    /// A prefix of topics and groups that nobody else has.
    #[must_use]
    pub fn fresh_prefix(&self) -> String {
        format!(
            "bench{}.{}.",
            std::process::id(),
            self.servers.handed_out.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Tells people how far it is.
    pub fn say(&self, what: &str) {
        eprintln!("    {what}");
    }
}
