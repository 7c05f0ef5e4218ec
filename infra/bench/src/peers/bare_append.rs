//! The limit of an append: one INSERT of a batch into the same table with the same indexes; no lock, no check, no hash,
//! no block.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use jangbu_runtime::ports::Entry;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{Connection, Encode, PgConnection, Postgres, Type};
use uuid::Uuid;

use crate::bench::Bench;

const INSERT: &str = "
INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, event_id, command_id, command_ordinal, recorded_at, leaf
)
SELECT n.aggregate_type, n.aggregate_id, n.sequence, n.event_type, n.event_version, n.payload, n.metadata,
    $1 + n.place, n.event_id, n.command_id, n.command_ordinal, clock_timestamp(), n.leaf
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::json[], $8::json[],
    $9::uuid[], $10::uuid[], $11::integer[], $12::bytea[]) WITH ORDINALITY AS n (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    event_id, command_id, command_ordinal, leaf, place
)";

/// JSON as it stands, so that the driver does not copy it into another form.
struct Json(Bytes);

impl Type<Postgres> for Json {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(114))
    }
}

impl PgHasArrayType for Json {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(199))
    }
}

impl Encode<'_, Postgres> for Json {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}

/// A store's table, written past the store.
pub struct BareAppend {
    connection: PgConnection,
    head: i64,
}

/// The columns of a batch.
pub struct Columns {
    types: Vec<String>,
    ids: Vec<String>,
    sequences: Vec<i64>,
    names: Vec<String>,
    versions: Vec<String>,
    payloads: Vec<Json>,
    metadatas: Vec<Json>,
    event_ids: Vec<Uuid>,
    command_ids: Vec<Uuid>,
    ordinals: Vec<i32>,
    leaves: Vec<Vec<u8>>,
}

impl Columns {
    /// The same batch, laid out.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let events = || {
            entries
                .iter()
                .flat_map(|entry| entry.events.iter().map(move |event| (entry, event)))
        };
        Self {
            types: events()
                .map(|(_, e)| e.stream.aggregate.to_string())
                .collect(),
            ids: events().map(|(_, e)| e.stream.id.to_string()).collect(),
            sequences: events().map(|(_, e)| e.sequence.cast_signed()).collect(),
            names: events().map(|(_, e)| e.name.to_string()).collect(),
            versions: events().map(|(_, e)| e.version.to_string()).collect(),
            payloads: events().map(|(_, e)| Json(e.payload.clone())).collect(),
            metadatas: events().map(|(_, e)| Json(e.metadata.clone())).collect(),
            event_ids: events().map(|(_, e)| e.event_id).collect(),
            command_ids: events().map(|(entry, _)| entry.command_id).collect(),
            ordinals: events().map(|(_, e)| e.ordinal.cast_signed()).collect(),
            leaves: events().map(|(_, e)| e.leaf.to_vec()).collect(),
        }
    }
}

impl BareAppend {
    /// On a fresh store, as its owner.
    pub async fn open(bench: &Bench) -> Result<Self> {
        let fresh = bench.fresh_store().await;
        let connection = PgConnection::connect(&fresh.owner_url).await?;
        Ok(Self {
            connection,
            head: 0,
        })
    }

    /// Inserts a batch.
    pub async fn insert(&mut self, batch: &Columns) -> Result<()> {
        let stored = sqlx::query(INSERT)
            .bind(self.head)
            .bind(&batch.types)
            .bind(&batch.ids)
            .bind(&batch.sequences)
            .bind(&batch.names)
            .bind(&batch.versions)
            .bind(&batch.payloads)
            .bind(&batch.metadatas)
            .bind(&batch.event_ids)
            .bind(&batch.command_ids)
            .bind(&batch.ordinals)
            .bind(&batch.leaves)
            .execute(&mut self.connection)
            .await
            .context("the bare statement")?;
        self.head += i64::try_from(stored.rows_affected())?;
        Ok(())
    }

    /// Every inserted event is stored.
    pub async fn check(mut self, expected: u64) -> Result<()> {
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
            .fetch_one(&mut self.connection)
            .await?;
        ensure!(
            stored.cast_unsigned() == expected,
            "the bare statement: {stored} stored, {expected} inserted"
        );
        self.connection.close().await?;
        Ok(())
    }
}
