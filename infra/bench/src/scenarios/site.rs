//! Either mall in a process of its own on a fresh database, and the check of what it stored.

use anyhow::{Result, ensure};
use jangbu_postgres::testing::Fresh;
use sqlx::{Connection, PgConnection};

use super::asked::Whom;
use crate::bench::Bench;
use crate::child::Served;
use crate::ours::{check_store, open_store};
use crate::peers::axum_mall;
use crate::topics;

/// A place for processes of one mall.
pub enum Site {
    /// A store and a prefix of topics.
    Ours(Fresh, String),
    /// A database.
    Peer(String),
}

impl Site {
    /// A fresh one.
    pub async fn fresh(bench: &Bench, whom: Whom) -> Result<Self> {
        match whom {
            Whom::Ours => Ok(Self::Ours(bench.fresh_store().await, bench.fresh_prefix())),
            Whom::Peer => {
                let url = bench.fresh_database().await;
                axum_mall::prepare(&url).await?;
                Ok(Self::Peer(url))
            }
        }
    }

    /// A process there; the peer has no roles, but can keep a view.
    pub async fn open(&self, bench: &Bench, roles: &str) -> Result<Served> {
        match self {
            Self::Ours(store, prefix) => Served::ours(bench, store, prefix, roles).await,
            Self::Peer(url) if roles.contains("views") => {
                Served::peer(&axum_mall::with_view(url)).await
            }
            Self::Peer(url) => Served::peer(url).await,
        }
    }

    /// Every answered command is stored as one event, and what is stored is sound. Takes the topics away.
    pub async fn check(self, bench: &Bench, expected: u64) -> Result<()> {
        match self {
            Self::Ours(store, prefix) => {
                let store = open_store(&store).await?;
                check_store(&store, expected).await?;
                store.close().await;
                let mall = jangbu::mall::mall();
                let names = mall.aggregates().map(|name| format!("{prefix}{name}"));
                let topics: Vec<String> = names.collect();
                topics::delete(bench.servers.brokers(), &topics).await
            }
            Self::Peer(url) => {
                let mut connection = PgConnection::connect(&url).await?;
                let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
                    .fetch_one(&mut connection)
                    .await?;
                connection.close().await?;
                ensure!(
                    stored.cast_unsigned() == expected,
                    "peer: {stored} events stored, {expected} commands answered"
                );
                Ok(())
            }
        }
    }
}
