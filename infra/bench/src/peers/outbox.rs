//! Peer (g): a transactional outbox as commonly written, which is what a team would otherwise build.
//!
//! A command inserts its event and its outbox row in one transaction. A relay polls `FOR UPDATE SKIP LOCKED`, publishes
//! with a `FutureProducer` and deletes what arrived; it polls again at once while there is something, and after 10 ms where
//! there is nothing, which is livelier than most. A consumer folds records into a table, a transaction per handful.
//! Nothing here checks a version, hashes, or keeps an order across commits.

mod relay;
mod show;

use std::sync::Arc;

use anyhow::{Result, ensure};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::postgres_es::{CONNECTIONS, pool};
use crate::bench::Bench;
use crate::topics;

const TABLES: &str = "
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL, topic text NOT NULL, key text NOT NULL, payload text NOT NULL
);
CREATE TABLE stock_levels (sku text PRIMARY KEY, on_hand bigint NOT NULL)";

/// What is received each time.
const PAYLOAD: &str = r#"{"quantity":1}"#;
const METADATA: &str = r#"{"actor":"anonymous"}"#;

/// The service: its pool, its relay and its consumer.
pub struct Outbox {
    pool: PgPool,
    topic: String,
    brokers: String,
    shown: watch::Receiver<u64>,
    running: JoinSet<Result<()>>,
}

/// Stores commands.
#[derive(Clone)]
pub struct Door {
    pool: PgPool,
    topic: Arc<str>,
}

impl Outbox {
    /// On a fresh database and a fresh topic; `shown` is told the ids of what became visible.
    pub async fn open(
        bench: &Bench,
        told: impl Fn(&[Uuid]) + Send + Sync + 'static,
    ) -> Result<Self> {
        let pool = pool(&bench.fresh_database().await, CONNECTIONS).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        let topic = format!("{}outbox", bench.fresh_prefix());
        let brokers = bench.servers.brokers().to_owned();
        topics::create(&topics::kafka(&brokers)?, std::slice::from_ref(&topic)).await?;
        let (count, shown) = watch::channel(0);
        let mut running = JoinSet::new();
        running.spawn(relay::run(pool.clone(), relay::producer(&brokers)?));
        running.spawn(show::run(
            pool.clone(),
            show::consumer(&brokers, &topic)?,
            count,
            told,
        ));
        Ok(Self {
            pool,
            topic,
            brokers,
            shown,
            running,
        })
    }

    /// A door for callers.
    #[must_use]
    pub fn door(&self) -> Door {
        Door {
            pool: self.pool.clone(),
            topic: self.topic.as_str().into(),
        }
    }

    /// Waits until so many are visible, and checks that everything agrees.
    pub async fn finish(mut self, expected: u64) -> Result<()> {
        tokio::select! {
            all = self.shown.wait_for(|shown| *shown >= expected) => drop(all?),
            Some(ended) = self.running.join_next() => ended??,
        }
        for (what, sql) in [
            ("events", "SELECT count(*) FROM events"),
            (
                "pieces shown",
                "SELECT coalesce(sum(on_hand), 0)::bigint FROM stock_levels",
            ),
        ] {
            let amount: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
            let amount = amount.cast_unsigned();
            ensure!(
                amount == expected,
                "outbox: {amount} {what}, {expected} commands answered"
            );
        }
        self.running.shutdown().await;
        self.pool.close().await;
        topics::delete(&self.brokers, &[self.topic]).await
    }

    /// Waits until so many are visible.
    pub async fn visible(&self, expected: u64) -> Result<()> {
        let mut shown = self.shown.clone();
        shown.wait_for(|shown| *shown >= expected).await?;
        Ok(())
    }
}

impl Door {
    /// Receives one piece of a SKU of its own.
    pub async fn receive(&self, id: Uuid, sku: &str) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO events VALUES ('stock', $1, 1, 'StockReceived', '1.0', $2::text::json, $3::text::json)",
        )
        .bind(sku)
        .bind(PAYLOAD)
        .bind(METADATA)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO outbox (event_id, topic, key, payload) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(&*self.topic)
            .bind(sku)
            .bind(PAYLOAD)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
