//! Raw PostgreSQL: one row, one autocommit INSERT, prepared; the same bytes as ours, without any rule or library.

use anyhow::{Result, ensure};
use sqlx::PgPool;
use uuid::Uuid;

use super::postgres_es::pool;
use crate::bench::Bench;

const TABLE: &str = "
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";

/// PostgreSQL commits what waits together, so some more connections than cores pay.
const CONNECTIONS: usize = 64;

/// A table and a pool.
#[derive(Clone)]
pub struct RawRows {
    pool: PgPool,
}

impl RawRows {
    /// On a fresh database, with a connection per row in flight, up to 64.
    pub async fn open(bench: &Bench, in_flight: usize) -> Result<Self> {
        let connections = u32::try_from(in_flight.clamp(1, CONNECTIONS))?;
        let pool = pool(&bench.fresh_database().await, connections).await?;
        sqlx::raw_sql(TABLE).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Inserts one.
    pub async fn insert(&self, id: &str, sequence: u64) -> Result<()> {
        let metadata = format!(
            r#"{{"actor":"bench","correlation_id":"{}","command":"receive","digest":"{}"}}"#,
            Uuid::now_v7(),
            "0".repeat(64)
        );
        sqlx::query(
            "INSERT INTO events VALUES ('stock', $1, $2, 'StockReceived', '1', $3::text::json, $4::text::json)",
        )
        .bind(id)
        .bind(sequence.cast_signed())
        .bind(r#"{"quantity":1}"#)
        .bind(metadata)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every answered row is stored.
    pub async fn check(&self, expected: u64) -> Result<()> {
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
            .fetch_one(&self.pool)
            .await?;
        ensure!(
            stored.cast_unsigned() == expected,
            "raw single rows: {stored} stored, {expected} answered"
        );
        Ok(())
    }

    /// Lets the connections go.
    pub async fn close(self) {
        self.pool.close().await;
    }
}
