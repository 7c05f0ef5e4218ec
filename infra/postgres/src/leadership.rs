//! The relay's ledger: leadership is a session-level advisory lock, and an epoch guards the checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use event_schemas::Envelope;
use jangbu_runtime::ports::{
    Leadership, PartitionMark, RelayCheckpoint, RelayLedger, StoreError, TopicPartition,
};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::array::Array;
use crate::envelope::{get, number, raw};
use crate::error::refused;
use crate::migrate::RELAY_LOCK;
use crate::postgres::Postgres;
use crate::session::Session;

const CHECKPOINT: &str = "SELECT position, partitions, counts FROM relay";

/// Topic, partition, previous, offset: the form in which a partition's mark is kept.
type KeptMark = (Arc<str>, i32, u64, i64);

struct PostgresLeadership {
    store: Postgres,
    session: Session,
    epoch: i64,
}

fn checkpoint(row: &PgRow) -> Result<RelayCheckpoint, StoreError> {
    let broken =
        |error: serde_json::Error| refused(format!("read the relay's checkpoint: {error}"));
    let marks: Vec<KeptMark> = serde_json::from_slice(raw(row, 1)?).map_err(broken)?;
    let partitions = marks
        .into_iter()
        .map(|(topic, partition, previous, offset)| {
            (
                TopicPartition { topic, partition },
                PartitionMark { previous, offset },
            )
        });
    Ok(RelayCheckpoint {
        position: number(row, 0)?,
        partitions: partitions.collect(),
        counts: serde_json::from_slice(raw(row, 2)?).map_err(broken)?,
    })
}

fn no_ledger() -> StoreError {
    refused("the relay's ledger has no row; run `jangbu migrate`")
}

#[async_trait]
impl RelayLedger for Postgres {
    async fn lead(&self) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        let mut session = self.shared.door.open().await?;
        let lock = query("SELECT pg_try_advisory_lock($1, $2)")
            .bind(self.shared.lock_class())
            .bind(RELAY_LOCK);
        let row = session
            .row("become the relay's leader", lock)
            .await?
            .ok_or_else(no_ledger)?;
        if !get::<bool>(&row, 0)? {
            session.close().await;
            return Ok(None);
        }
        let begin = query("UPDATE relay SET epoch = epoch + 1 RETURNING epoch");
        let row = session
            .row("begin an epoch of the relay", begin)
            .await?
            .ok_or_else(no_ledger)?;
        Ok(Some(Box::new(PostgresLeadership {
            store: self.clone(),
            session,
            epoch: get(&row, 0)?,
        })))
    }

    async fn checkpoint(&self) -> Result<RelayCheckpoint, StoreError> {
        let mut session = self.shared.reads.take().await?;
        let row = session
            .row("read the relay's checkpoint", query(CHECKPOINT))
            .await?;
        checkpoint(&row.ok_or_else(no_ledger)?)
    }

    async fn stopped(&self) -> Result<Option<String>, StoreError> {
        let mut session = self.shared.reads.take().await?;
        let row = session
            .row(
                "ask whether the relay stopped",
                query("SELECT stopped FROM relay"),
            )
            .await?;
        get(&row.ok_or_else(no_ledger)?, 0)
    }
}

impl PostgresLeadership {
    /// An update touched the row only if this is still the leader's epoch.
    fn still_leads(&self, rows: u64) -> Result<(), StoreError> {
        if rows == 1 {
            return Ok(());
        }
        Err(refused(format!(
            "the relay's epoch {} is over: another leader has begun",
            self.epoch
        )))
    }
}

#[async_trait]
impl Leadership for PostgresLeadership {
    async fn checkpoint(&mut self) -> Result<RelayCheckpoint, StoreError> {
        let row = self
            .session
            .row("read the relay's checkpoint", query(CHECKPOINT))
            .await?;
        checkpoint(&row.ok_or_else(no_ledger)?)
    }

    async fn save(&mut self, checkpoint: &RelayCheckpoint) -> Result<(), StoreError> {
        let marks: Vec<KeptMark> = checkpoint
            .partitions
            .iter()
            .map(|(at, mark)| {
                (
                    Arc::clone(&at.topic),
                    at.partition,
                    mark.previous,
                    mark.offset,
                )
            })
            .collect();
        let unwritable =
            |error: serde_json::Error| refused(format!("write the relay's checkpoint: {error}"));
        let save = query("UPDATE relay SET position = $2, partitions = $3::json, counts = $4::json WHERE epoch = $1")
            .bind(self.epoch)
            .bind(checkpoint.position.cast_signed())
            .bind(serde_json::value::to_raw_value(&marks).map(sqlx::types::Json).map_err(unwritable)?)
            .bind(serde_json::value::to_raw_value(&checkpoint.counts).map(sqlx::types::Json).map_err(unwritable)?);
        let rows = self
            .session
            .execute("write the relay's checkpoint", save)
            .await?;
        self.still_leads(rows)
    }

    async fn read(&mut self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let shared = Arc::clone(&self.store.shared);
        shared.read_on(&mut self.session, after, limit).await
    }

    async fn events_at(&mut self, positions: &[u64]) -> Result<BTreeMap<u64, Uuid>, StoreError> {
        let at =
            query("SELECT position, event_id FROM events WHERE position = ANY ($1)").bind(Array(
                positions
                    .iter()
                    .map(|position| i64::try_from(*position).unwrap_or(i64::MAX)),
            ));
        let rows = self.session.rows("look at positions", at).await?;
        rows.iter()
            .map(|row| Ok((number(row, 0)?, get(row, 1)?)))
            .collect()
    }

    async fn incarnations(&mut self) -> Result<Vec<Uuid>, StoreError> {
        let all = query("SELECT incarnation FROM incarnations ORDER BY number");
        let rows = self.session.rows("read the incarnations", all).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    async fn note_stopped(&mut self, why: Option<&str>) -> Result<(), StoreError> {
        let note = query("UPDATE relay SET stopped = $2 WHERE epoch = $1")
            .bind(self.epoch)
            .bind(why);
        let rows = self
            .session
            .execute("note that the relay stopped", note)
            .await?;
        self.still_leads(rows)
    }
}
