//! Leadership of the relay: an advisory lock on a session of its own, and an epoch that guards the checkpoint.
//!
//! The lock goes with the session. A leader that was frozen and comes back finds another epoch and can write nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use event_schemas::Envelope;
use jangbu_runtime::ports::{
    Leadership, PartitionMark, RelayCheckpoint, RelayLedger, StoreError, TopicPartition,
};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::query;
use std::sync::Arc;
use uuid::Uuid;

use crate::envelope::{envelope_columns, get, number};
use crate::error::refused;
use crate::migrate::RELAY_LOCK;
use crate::postgres::{Postgres, Shared};
use crate::session::Session;

const TAIL: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    " FROM events e WHERE e.position > $1 ORDER BY e.position LIMIT $2"
);

struct PostgresLeadership {
    shared: Arc<Shared>,
    session: Session,
    epoch: i64,
}

#[async_trait]
impl RelayLedger for Postgres {
    async fn lead(&self) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        let mut session = self.shared.door.open().await?;
        let lock = query("SELECT pg_try_advisory_lock($1, $2)")
            .bind(self.shared.lock_class())
            .bind(RELAY_LOCK);
        let locked = session.row("ask to lead", lock).await?;
        let locked = locked.map(|row| get::<bool>(&row, 0)).transpose()?;
        if locked != Some(true) {
            session.close().await;
            return Ok(None);
        }
        let begin = query("UPDATE relay SET epoch = epoch + 1 RETURNING epoch");
        let row = session.row("begin to lead", begin).await?;
        let row = row.ok_or_else(|| refused("the relay has no row; run `jangbu migrate`"))?;
        let epoch = get(&row, 0)?;
        Ok(Some(Box::new(PostgresLeadership {
            shared: Arc::clone(&self.shared),
            session,
            epoch,
        })))
    }

    async fn checkpoint(&self) -> Result<RelayCheckpoint, StoreError> {
        let mut session = self.shared.reads.take().await?;
        read_checkpoint(&mut session).await
    }

    async fn stopped(&self) -> Result<Option<String>, StoreError> {
        let mut session = self.shared.reads.take().await?;
        let row = session
            .row("ask after the relay", query("SELECT stopped FROM relay"))
            .await?;
        Ok(row.map(|row| get(&row, 0)).transpose()?.flatten())
    }
}

#[async_trait]
impl Leadership for PostgresLeadership {
    async fn checkpoint(&mut self) -> Result<RelayCheckpoint, StoreError> {
        read_checkpoint(&mut self.session).await
    }

    async fn save(&mut self, checkpoint: &RelayCheckpoint) -> Result<(), StoreError> {
        let save = query(
            "UPDATE relay SET position = $2, partitions = $3::json, counts = $4::json WHERE epoch = $1",
        )
        .bind(self.epoch)
        .bind(checkpoint.position.cast_signed())
        .bind(marks_to_json(checkpoint))
        .bind(json(&checkpoint.counts));
        let saved = self.session.execute("save the checkpoint", save).await?;
        self.still_leads(saved)
    }

    async fn read(&mut self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let tail = query(TAIL)
            .bind(after.cast_signed())
            .bind(self.shared.read_size.limit(limit));
        let rows = self.session.rows("read on as the leader", tail).await?;
        let events = self.shared.names.envelopes(&rows, 0)?;
        self.shared.read_size.learn(&events);
        self.shared.told(&events);
        Ok(events)
    }

    async fn events_at(&mut self, positions: &[u64]) -> Result<BTreeMap<u64, Uuid>, StoreError> {
        let positions: Vec<i64> = positions.iter().map(|at| at.cast_signed()).collect();
        let look = query("SELECT position, event_id FROM events WHERE position = ANY ($1)")
            .bind(positions);
        let rows = self.session.rows("compare with the store", look).await?;
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
        let noted = self
            .session
            .execute("note why the relay stopped", note)
            .await?;
        self.still_leads(noted)
    }
}

impl PostgresLeadership {
    fn still_leads(&self, touched: u64) -> Result<(), StoreError> {
        match touched {
            1 => Ok(()),
            _ => Err(refused(format!(
                "another relay leads since epoch {}",
                self.epoch
            ))),
        }
    }
}

async fn read_checkpoint(session: &mut Session) -> Result<RelayCheckpoint, StoreError> {
    let row = session
        .row(
            "read the relay's checkpoint",
            query("SELECT position, partitions::text, counts::text FROM relay"),
        )
        .await?;
    match row {
        Some(row) => checkpoint_of(&row),
        None => Err(refused("the relay has no row; run `jangbu migrate`")),
    }
}

/// A partition's mark as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    topic: String,
    partition: i32,
    previous: u64,
    offset: i64,
}

fn marks_to_json(checkpoint: &RelayCheckpoint) -> String {
    let marks: Vec<Kept> = checkpoint
        .partitions
        .iter()
        .map(|(at, mark)| Kept {
            topic: at.topic.to_string(),
            partition: at.partition,
            previous: mark.previous,
            offset: mark.offset,
        })
        .collect();
    json(&marks)
}

fn checkpoint_of(row: &PgRow) -> Result<RelayCheckpoint, StoreError> {
    let unreadable = |error: serde_json::Error| {
        refused(format!("the relay's checkpoint cannot be read: {error}"))
    };
    let marks: Vec<Kept> = serde_json::from_str(get(row, 1)?).map_err(unreadable)?;
    let partitions = marks.into_iter().map(|kept| {
        let at = TopicPartition {
            topic: kept.topic.into(),
            partition: kept.partition,
        };
        let mark = PartitionMark {
            previous: kept.previous,
            offset: kept.offset,
        };
        (at, mark)
    });
    Ok(RelayCheckpoint {
        position: number(row, 0)?,
        partitions: partitions.collect(),
        counts: serde_json::from_str(get(row, 2)?).map_err(unreadable)?,
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("marks and counts are numbers and texts")
}
