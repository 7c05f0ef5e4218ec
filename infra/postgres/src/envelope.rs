//! Rows to envelopes: names are shared, JSON is copied once and never parsed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use event_schemas::Envelope;
use jangbu_runtime::ports::StoreError;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Type};

use crate::error::{refused, store_error};

/// The columns of an envelope, in the order [`Names::envelope`] reads them.
macro_rules! envelope_columns {
    () => {
        "e.position, e.event_id, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version, \
         e.payload, e.metadata, e.command_id, e.command_ordinal, e.recorded_at"
    };
}
pub(crate) use envelope_columns;

/// Different names kept; beyond that, new ones are not shared. A store has some hundred.
const NAMES: usize = 4_096;

/// The names that repeat by the million.
#[derive(Default)]
pub(crate) struct Names(Mutex<HashSet<Arc<str>>>);

impl Names {
    fn shared(known: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
        if let Some(name) = known.get(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        if known.len() < NAMES {
            known.insert(Arc::clone(&name));
        }
        name
    }

    /// The one copy of a name.
    pub(crate) fn share(&self, name: &str) -> Arc<str> {
        Self::shared(
            &mut self.0.lock().unwrap_or_else(PoisonError::into_inner),
            name,
        )
    }

    /// Every row, its envelope beginning at column `from`.
    pub(crate) fn envelopes(
        &self,
        rows: &[PgRow],
        from: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        rows.iter().map(|row| self.envelope(row, from)).collect()
    }

    /// One row, its envelope beginning at column `from`.
    pub(crate) fn envelope(&self, row: &PgRow, from: usize) -> Result<Envelope, StoreError> {
        let (payload, metadata) = json_pair(row, from + 7)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Envelope {
            position: number(row, from)?,
            event_id: get(row, from + 1)?,
            aggregate: Self::shared(&mut known, get(row, from + 2)?),
            id: get(row, from + 3)?,
            sequence: number(row, from + 4)?,
            name: Self::shared(&mut known, get(row, from + 5)?),
            version: Self::shared(&mut known, get(row, from + 6)?),
            payload,
            metadata,
            command_id: get(row, from + 9)?,
            command_ordinal: get::<i32>(row, from + 10)?.cast_unsigned(),
            recorded_at: get(row, from + 11)?,
        })
    }
}

/// Payload and metadata as they were stored, in one allocation.
fn json_pair(row: &PgRow, at: usize) -> Result<(Bytes, Bytes), StoreError> {
    let (payload, metadata) = (raw(row, at)?, raw(row, at + 1)?);
    let mut both = BytesMut::with_capacity(payload.len() + metadata.len());
    both.extend_from_slice(payload);
    both.extend_from_slice(metadata);
    let mut both = both.freeze();
    let payload = both.split_to(payload.len());
    Ok((payload, both))
}

/// The bytes of a column that is not null.
pub(crate) fn raw(row: &PgRow, at: usize) -> Result<&[u8], StoreError> {
    let value = row
        .try_get_raw(at)
        .map_err(|error| store_error("read a row", error))?;
    value
        .as_bytes()
        .map_err(|error| refused(format!("read a row: column {at}: {error}")))
}

/// A column's value.
pub(crate) fn get<'r, T>(row: &'r PgRow, at: usize) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(at)
        .map_err(|error| store_error("read a row", error))
}

/// A column that counts something.
pub(crate) fn number(row: &PgRow, at: usize) -> Result<u64, StoreError> {
    get::<i64>(row, at)?
        .try_into()
        .map_err(|_| refused(format!("read a row: column {at} is negative")))
}
