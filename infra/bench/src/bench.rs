//! What every side gets: the servers, the plan, fresh databases and topics, and a voice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use jangbu_local::OwnServers;
use jangbu_postgres::testing::{self, Fresh};
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::plan::Plan;

/// PostgreSQL and Kafka, ours or given.
pub struct Servers {
    postgres: String,
    brokers: String,
    own: Option<OwnServers>,
    handed_out: AtomicU32,
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

    /// Drops the databases that rounds left behind, but for those kept (`keep` names the part of the URL after the
    /// last slash), and lets the next round begin with a checkpoint behind it.
    pub async fn tidy(&self, keep: &[String]) -> Result<()> {
        let mut admin = self.admin().await?;
        let ours = format!("fresh\\_{}\\_%", std::process::id());
        let rows = sqlx::query("SELECT datname FROM pg_database WHERE datname LIKE $1")
            .bind(ours)
            .fetch_all(&mut admin)
            .await?;
        for row in rows {
            let name: String = row.try_get(0)?;
            if !keep.contains(&name) {
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                admin.execute(drop.as_str()).await?;
            }
        }
        admin.execute("CHECKPOINT").await?;
        admin.close().await?;
        Ok(())
    }
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
