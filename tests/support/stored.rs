//! What the ledger holds, read as the superuser: the bytes that were stored, not what anybody makes of them.

use event_schemas::{Envelope, Metadata};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::site::Site;

/// The whole ledger at one moment.
#[derive(Debug)]
pub struct Stored {
    /// `ce_source` of its newest incarnation.
    pub source: String,
    /// Every event, by position.
    pub events: Vec<Envelope>,
}

impl Stored {
    /// Reads all of it in one statement, so as of one moment.
    ///
    /// # Panics
    /// If the database does not answer.
    pub async fn read(site: &Site) -> Self {
        let mut connection = site.sql().await;
        let source = sqlx::query_scalar(
            "SELECT '/jangbu/' || s.name || '/' || i.incarnation
            FROM store s, incarnations i ORDER BY i.number DESC LIMIT 1",
        );
        let source = source
            .fetch_one(&mut connection)
            .await
            .expect("the store's name");
        let rows = sqlx::query(
            "SELECT position, event_id, aggregate_type, aggregate_id, sequence, event_type, event_version,
                payload::text AS payload, metadata::text AS metadata, command_id, command_ordinal, recorded_at
            FROM events ORDER BY position",
        );
        let rows = rows.fetch_all(&mut connection).await.expect("the events");
        Self {
            source,
            events: rows.iter().map(envelope).collect(),
        }
    }

    /// The last position.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    /// Events of one name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Envelope> {
        self.events.iter().filter(move |event| &*event.name == name)
    }

    /// One entry per command that was carried out: its first event, and who gave it why.
    pub fn commands(&self) -> impl Iterator<Item = (&Envelope, Metadata)> {
        let first = self
            .events
            .iter()
            .filter(|event| event.command_ordinal == 0);
        first.map(|event| (event, event.read_metadata()))
    }
}

/// An event's payload as JSON.
///
/// # Panics
/// If it is none, which the database rules out.
#[must_use]
pub fn payload(event: &Envelope) -> serde_json::Value {
    serde_json::from_slice(&event.payload).expect("stored JSON")
}

fn envelope(row: &PgRow) -> Envelope {
    let number = |name: &str| row.get::<i64, _>(name).cast_unsigned();
    let text = |name: &str| row.get::<String, _>(name);
    Envelope {
        position: number("position"),
        event_id: row.get("event_id"),
        aggregate: text("aggregate_type").into(),
        id: text("aggregate_id"),
        sequence: number("sequence"),
        name: text("event_type").into(),
        version: text("event_version").into(),
        payload: text("payload").into(),
        metadata: text("metadata").into(),
        command_id: row.get("command_id"),
        command_ordinal: row.get::<i32, _>("command_ordinal").cast_unsigned(),
        recorded_at: row.get("recorded_at"),
    }
}
