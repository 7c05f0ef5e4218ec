//! Reading the ledger: the tail, the head, one command's events; and what the other parts of the port delegate to.

mod load;
mod search;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event_schemas::{Envelope, Source};
use jangbu_runtime::ports::{
    Appender, Arrivals, EventFilter, EventStore, Head, Load, Loaded, NewSnapshot, StoreError,
    Stream, Turn,
};
use sqlx::query;
use uuid::Uuid;

use crate::append::PostgresAppender;
use crate::array::{Array, Json};
use crate::envelope::{envelope_columns, get, number};
use crate::postgres::{Postgres, Shared};
use crate::session::Session;

/// Events of one answer, whatever the caller asks for.
const READ_EVENTS: usize = 10_000;
/// What one answer of a read may weigh, so that a thousand of the largest events do not fill the memory.
const READ_BYTES: usize = 16 << 20;

/// How heavy events were lately, so that a read asks for about as many as it can take.
#[derive(Default)]
pub(crate) struct ReadSize(AtomicUsize);

impl ReadSize {
    pub(crate) fn limit(&self, asked: usize) -> i64 {
        let weight = self.0.load(Ordering::Relaxed).max(1);
        asked
            .min(READ_EVENTS)
            .min((READ_BYTES / weight).max(1))
            .try_into()
            .unwrap_or(i64::MAX)
    }

    pub(crate) fn learn(&self, events: &[Envelope]) {
        let heaviest = events
            .iter()
            .map(|event| event.payload.len() + event.metadata.len())
            .max();
        if let Some(heaviest) = heaviest {
            // Rises at once and falls slowly: too few rows cost a round trip, too many cost memory.
            let before = self.0.load(Ordering::Relaxed);
            self.0
                .store(heaviest.max(before - before / 8), Ordering::Relaxed);
        }
    }
}

const TAIL: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    " FROM events e WHERE e.position > $1 ORDER BY e.position LIMIT $2"
);

// The rest of a command's events stand behind its first, in the same block.
const OF_COMMANDS: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    " FROM unnest($1::uuid[]) AS c (id)
    CROSS JOIN LATERAL (
        SELECT f.position FROM events f WHERE f.command_id = c.id AND f.command_ordinal = 0 LIMIT 1
    ) AS first
    CROSS JOIN LATERAL (
        SELECT b.last_position FROM blocks b WHERE b.last_position >= first.position ORDER BY b.last_position LIMIT 1
    ) AS block
    JOIN events e ON e.position BETWEEN first.position AND block.last_position AND e.command_id = c.id
    ORDER BY e.position"
);

impl Shared {
    pub(crate) async fn head(&self) -> Result<Head, StoreError> {
        let mut session = self.reads.take().await?;
        let newest =
            "SELECT position, event_id, recorded_at FROM events ORDER BY position DESC LIMIT 1";
        let Some(row) = session.row("read the head", query(newest)).await? else {
            return Ok(Head::default());
        };
        let (position, event_id) = (number(&row, 0)?, get(&row, 1)?);
        self.known().told(position, event_id);
        Ok(Head {
            position,
            event_id: Some(event_id),
            recorded_at: Some(get(&row, 2)?),
        })
    }

    /// The tail, on a session of the caller's.
    pub(crate) async fn read_on(
        &self,
        session: &mut Session,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let limit = self.read_size.limit(limit);
        let tail = query(TAIL)
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(limit);
        let rows = session.rows("read the tail", tail).await?;
        let events = self.names.envelopes(&rows, 0)?;
        self.told(&events);
        self.read_size.learn(&events);
        Ok(events)
    }

    /// The facts of commands, in order, on a session of the caller's.
    pub(crate) async fn facts_on(
        &self,
        session: &mut Session,
        command_ids: &[Uuid],
    ) -> Result<Vec<Envelope>, StoreError> {
        let of_commands = query(OF_COMMANDS).bind(Array(command_ids.iter().copied()));
        let rows = session.rows("look commands up", of_commands).await?;
        let events = self.names.envelopes(&rows, 0)?;
        self.told(&events);
        Ok(events)
    }

    pub(crate) fn told(&self, events: &[Envelope]) {
        if let Some(newest) = events.iter().max_by_key(|event| event.position) {
            self.known().told(newest.position, newest.event_id);
        }
    }

    async fn save_snapshots(&self, snapshots: &[NewSnapshot]) -> Result<(), StoreError> {
        let mut session = self.reads.take().await?;
        // A snapshot of events that a restore took away must not come back, nor an older one replace a newer.
        let keep = query(
            "INSERT INTO states AS s (aggregate_type, aggregate_id, version, schema, state)
            SELECT DISTINCT ON (n.aggregate_type, n.aggregate_id)
                n.aggregate_type, n.aggregate_id, n.version, n.schema, n.state
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[], $5::json[], $6::uuid[])
                AS n (aggregate_type, aggregate_id, version, schema, state, last_event)
            WHERE EXISTS (SELECT FROM events e WHERE e.aggregate_type = n.aggregate_type
                AND e.aggregate_id = n.aggregate_id AND e.sequence = n.version AND e.event_id = n.last_event)
            ORDER BY n.aggregate_type, n.aggregate_id, n.version DESC
            ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
                SET version = excluded.version, schema = excluded.schema, state = excluded.state
                WHERE s.version <= excluded.version OR s.schema <> excluded.schema",
        )
        .bind(Array(snapshots.iter().map(|new| &*new.stream.aggregate)))
        .bind(Array(snapshots.iter().map(|new| &*new.stream.id)))
        .bind(Array(
            snapshots
                .iter()
                .map(|new| new.snapshot.version.cast_signed()),
        ))
        .bind(Array(snapshots.iter().map(|new| &new.snapshot.schema)))
        .bind(Array(
            snapshots.iter().map(|new| Json(&new.snapshot.state)),
        ))
        .bind(Array(snapshots.iter().map(|new| new.last_event)));
        session.execute("keep snapshots", keep).await.map(|_| ())
    }
}

#[async_trait]
impl EventStore for Postgres {
    fn source(&self) -> Source {
        self.shared.source()
    }

    fn arrivals(&self) -> Arrivals {
        self.shared.known().arrivals()
    }

    fn announce(&self, position: u64) {
        self.shared.known().arrived(position);
        self.shared.announced.send_if_modified(|newest| {
            let rises = *newest < position;
            *newest = position.max(*newest);
            rises
        });
    }

    async fn appender(&self) -> Result<Box<dyn Appender>, StoreError> {
        Ok(Box::new(PostgresAppender::open(self.clone()).await?))
    }

    async fn load(&self, loads: &[Load]) -> Result<Vec<Loaded>, StoreError> {
        self.shared.load(loads).await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let known = self.shared.known();
        known.stands()?;
        if let Some(history) = known.incarnation()
            && let Some(events) = self.shared.recent.after(history, after, limit)
        {
            return Ok(events);
        }
        let mut session = self.shared.reads.take().await?;
        self.shared.read_on(&mut session, after, limit).await
    }

    async fn search(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Envelope>, u64), StoreError> {
        self.shared.search(filter, after, limit).await
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.shared.head().await
    }

    async fn turn(
        &self,
        stream: &Stream,
        wait: Duration,
    ) -> Result<Option<Box<dyn Turn>>, StoreError> {
        self.shared.turn(stream, wait).await
    }

    async fn save_snapshots(&self, snapshots: Vec<NewSnapshot>) -> Result<(), StoreError> {
        self.shared.save_snapshots(&snapshots).await
    }
}
