//! cqrs-es with postgres-es 0.5 on the same rules of Stock, the way its documentation shows.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use cqrs_es::persist::{GenericQuery, PersistedEventStore, QueryReplay};
use cqrs_es::{AggregateError, CqrsFramework};
use inventory::StockCommand;
use postgres_es::{PostgresEventRepository, PostgresViewRepository};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::plain_stock::{PlainCommand, PlainLevel, PlainStock};
use crate::bench::Bench;

const TABLES: &str = "
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE TABLE stock_levels (
    view_id text NOT NULL PRIMARY KEY, version bigint CHECK (version >= 0) NOT NULL, payload json NOT NULL
)";

/// As many connections as pay on two cores; more were slower.
pub const CONNECTIONS: u32 = 16;

type Framework =
    CqrsFramework<PlainStock, PersistedEventStore<PostgresEventRepository, PlainStock>>;

/// The library on tables of its own.
#[derive(Clone)]
pub struct PostgresEs {
    pool: PgPool,
    framework: Arc<Framework>,
}

impl PostgresEs {
    /// On a fresh database.
    pub async fn open(bench: &Bench) -> Result<Self> {
        let pool = pool(&bench.fresh_database().await, CONNECTIONS).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        let store =
            PersistedEventStore::new_event_store(PostgresEventRepository::new(pool.clone()));
        let framework = Arc::new(CqrsFramework::new(store, Vec::new(), ()));
        Ok(Self { pool, framework })
    }

    /// Tries until no other got in between, as a user of the library must; how often it had to try again.
    pub async fn execute(&self, id: &str, command: StockCommand) -> Result<u64> {
        let mut again = 0;
        loop {
            let command = PlainCommand {
                command: command.clone(),
                context: kernel::kit::context(),
            };
            let metadata = HashMap::from([
                ("actor".to_owned(), "bench".to_owned()),
                ("command_id".to_owned(), Uuid::now_v7().to_string()),
            ]);
            match self
                .framework
                .execute_with_metadata(id, command, metadata)
                .await
            {
                Ok(()) => return Ok(again),
                Err(AggregateError::AggregateConflict) => again += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// One piece received for each of many stocks, each so many times.
    pub async fn fill(&self, stocks: u64, each: u64) -> Result<()> {
        sqlx::query(
            r#"INSERT INTO events
            SELECT 'stock', 'sku-' || s, e, 'StockReceived', '1.0', '{"StockReceived":{"quantity":1}}', '{"actor":"bench"}'
            FROM generate_series(1, $2) AS e, generate_series(0, $1 - 1) AS s"#,
        )
        .bind(stocks.cast_signed())
        .bind(each.cast_signed())
        .execute(&self.pool)
        .await?;
        sqlx::query("ANALYZE events").execute(&self.pool).await?;
        Ok(())
    }

    /// Every answered command is stored, and no aggregate has a gap.
    pub async fn check(&self, expected: u64) -> Result<()> {
        let stored = self.count("SELECT count(*) FROM events").await?;
        ensure!(
            stored == expected,
            "postgres-es: {stored} events stored, {expected} commands answered"
        );
        let gaps = "SELECT count(*) FROM (SELECT FROM events GROUP BY aggregate_type, aggregate_id
            HAVING max(sequence) <> count(*)) AS gap";
        let gaps = self.count(gaps).await?;
        ensure!(gaps == 0, "postgres-es: {gaps} aggregates have gaps");
        Ok(())
    }

    /// How often a kind of event is stored.
    pub async fn stored(&self, name: &str) -> Result<u64> {
        let amount: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = $1")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        Ok(amount.cast_unsigned())
    }

    /// Fills the view from all events, as `QueryReplay` does.
    pub async fn replay(&self) -> Result<()> {
        let views: PostgresViewRepository<PlainLevel, PlainStock> =
            PostgresViewRepository::new("stock_levels", self.pool.clone());
        let mut query = GenericQuery::new(Arc::new(views));
        query.use_error_handler(Box::new(|error| eprintln!("    postgres-es: {error}")));
        let replay = QueryReplay::new(PostgresEventRepository::new(self.pool.clone()), query);
        replay.replay_all().await?;
        Ok(())
    }

    /// How many pieces the view shows in all.
    pub async fn shown(&self) -> Result<u64> {
        self.count(
            "SELECT coalesce(sum((payload->>'on_hand')::bigint), 0)::bigint FROM stock_levels",
        )
        .await
    }

    /// Lets the connections go.
    pub async fn close(self) {
        self.pool.close().await;
    }

    async fn count(&self, query: &str) -> Result<u64> {
        let amount: i64 = sqlx::query_scalar(query).fetch_one(&self.pool).await?;
        Ok(amount.cast_unsigned())
    }
}

/// A pool as a good engineer sets it: no ping before each use.
pub async fn pool(url: &str, connections: u32) -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(std::time::Duration::from_secs(120))
        .connect(url)
        .await?)
}
