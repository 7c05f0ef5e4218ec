//! What policies could not react to, in rows that keep each key's order.

use bytes::Bytes;
use jangbu_runtime::ports::{LogRecord, Parked, StoreError, TopicPartition};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query;
use sqlx::query::Query;

use crate::array::Array;
use crate::envelope::{get, number};
use crate::error::refused;
use crate::postgres::Shared;

/// A key's first row may be served away at the very moment we stand behind it; each round another one must be.
const ROUNDS: usize = 100;

macro_rules! row_columns {
    () => {
        "number, context, topic, key, position, partition, log_topic, log_offset, record_key, record_value, \
         header_names, header_values, error, is_unknown, owed, parked_at"
    };
}

macro_rules! insert {
    ($from:literal) => {
        concat!(
            $from,
            "ON CONFLICT (context, topic, key, position) DO UPDATE SET
                owed = p.owed || ARRAY(SELECT o FROM unnest(excluded.owed) AS o WHERE o <> ALL (p.owed)),
                is_unknown = p.is_unknown OR excluded.is_unknown"
        )
    };
}

const PARK: &str = insert!(
    "INSERT INTO parked AS p (
        context, topic, key, position, partition, log_topic, log_offset, record_key, record_value,
        header_names, header_values, error, is_unknown, owed, parked_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
);

// The lock on the key's first row keeps whoever serves the last one from taking it away meanwhile.
const PARK_BEHIND: &str = insert!(
    "WITH first AS (
        SELECT number FROM parked WHERE context = $1 AND topic = $2 AND key = $3 ORDER BY number LIMIT 1 FOR UPDATE
    )
    INSERT INTO parked AS p (
        context, topic, key, position, partition, log_topic, log_offset, record_key, record_value,
        header_names, header_values, error, is_unknown, owed, parked_at
    ) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 FROM first "
);

fn bound<'q>(sql: &'q str, parked: &'q Parked) -> Query<'q, sqlx::Postgres, PgArguments> {
    let record = &parked.record;
    query(sql)
        .bind(&parked.context)
        .bind(&parked.topic)
        .bind(parked.key.as_bytes())
        .bind(parked.position.cast_signed())
        .bind(record.at.partition)
        .bind(&*record.at.topic)
        .bind(record.offset)
        .bind(record.key.as_deref())
        .bind(record.value.as_deref())
        .bind(Array(
            record.headers.iter().map(|(name, _)| name.as_bytes()),
        ))
        .bind(Array(
            record.headers.iter().map(|(_, value)| value.as_deref()),
        ))
        .bind(parked.error.replace('\0', "\u{fffd}"))
        .bind(parked.unknown)
        .bind(&parked.owed)
        .bind(parked.parked_at)
}

impl Shared {
    pub(super) async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        let mut session = self.reads.take().await?;
        session
            .execute("park an event", bound(PARK, parked))
            .await?;
        Ok(())
    }

    pub(super) async fn park_behind(&self, parked: &Parked) -> Result<bool, StoreError> {
        let mut session = self.reads.take().await?;
        for _ in 0..ROUNDS {
            if session
                .execute("park an event behind others", bound(PARK_BEHIND, parked))
                .await?
                > 0
            {
                return Ok(true);
            }
            let any =
                query("SELECT FROM parked WHERE context = $1 AND topic = $2 AND key = $3 LIMIT 1")
                    .bind(&parked.context)
                    .bind(&parked.topic)
                    .bind(parked.key.as_bytes());
            if session
                .row("look whether a key is parked", any)
                .await?
                .is_none()
            {
                return Ok(false);
            }
        }
        Err(StoreError::Unreachable {
            what: "park an event behind others that kept going".to_owned(),
            source: None,
        })
    }

    pub(super) async fn parked_keys(
        &self,
        context: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let keys =
            query("SELECT DISTINCT topic, key FROM parked WHERE context = $1 ORDER BY topic, key")
                .bind(context);
        let mut session = self.reads.take().await?;
        let rows = session.rows("read parked keys", keys).await?;
        rows.iter()
            .map(|row| Ok((get(row, 0)?, text(get(row, 1)?)?)))
            .collect()
    }

    pub(super) async fn parked(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = match key {
            Some((topic, key)) => query(concat!(
                "SELECT ",
                row_columns!(),
                " FROM parked WHERE context = $1 AND topic = $3 AND key = $4 ORDER BY position LIMIT $2"
            ))
            .bind(context)
            .bind(limit)
            .bind(topic)
            .bind(key.as_bytes()),
            None => query(concat!(
                "SELECT ",
                row_columns!(),
                " FROM parked WHERE context = $1 ORDER BY number LIMIT $2"
            ))
            .bind(context)
            .bind(limit),
        };
        let mut session = self.reads.take().await?;
        let rows = session.rows("read what is parked", rows).await?;
        rows.iter().map(parked_of).collect()
    }

    pub(super) async fn served(
        &self,
        number: i64,
        policies: &[String],
    ) -> Result<bool, StoreError> {
        let served = query(
            "WITH row AS (
                SELECT p.number, ARRAY(SELECT o FROM unnest(p.owed) AS o WHERE o <> ALL ($2)) AS owed
                FROM parked p WHERE p.number = $1 FOR UPDATE
            ), gone AS (
                DELETE FROM parked p USING row WHERE p.number = row.number AND cardinality(row.owed) = 0
            ), kept AS (
                UPDATE parked p SET owed = row.owed FROM row WHERE p.number = row.number AND cardinality(row.owed) > 0
                RETURNING p.number
            )
            SELECT NOT EXISTS (SELECT FROM kept)",
        )
        .bind(number)
        .bind(policies);
        let mut session = self.reads.take().await?;
        let row = session.row("note who was served", served).await?;
        row.map_or(Ok(true), |row| get(&row, 0))
    }

    pub(super) async fn owe(&self, number: i64, policies: &[String]) -> Result<(), StoreError> {
        let owe = query(
            "UPDATE parked p SET owed = p.owed || ARRAY(SELECT o FROM unnest($2::text[]) AS o WHERE o <> ALL (p.owed))
            WHERE p.number = $1",
        )
        .bind(number)
        .bind(policies);
        let mut session = self.reads.take().await?;
        session.execute("note who is owed", owe).await?;
        Ok(())
    }
}

fn parked_of(row: &PgRow) -> Result<Parked, StoreError> {
    let bytes =
        |at| Ok::<_, StoreError>(get::<Option<&[u8]>>(row, at)?.map(Bytes::copy_from_slice));
    let names: Vec<Vec<u8>> = get(row, 10)?;
    let values: Vec<Option<Vec<u8>>> = get(row, 11)?;
    let names = names
        .into_iter()
        .map(|name| String::from_utf8_lossy(&name).into_owned());
    let log_topic: &str = get(row, 6)?;
    Ok(Parked {
        number: get(row, 0)?,
        context: get(row, 1)?,
        topic: get(row, 2)?,
        key: text(get(row, 3)?)?,
        position: number(row, 4)?,
        record: LogRecord {
            at: TopicPartition {
                topic: log_topic.into(),
                partition: get(row, 5)?,
            },
            offset: get(row, 7)?,
            key: bytes(8)?,
            value: bytes(9)?,
            headers: names
                .zip(values.into_iter().map(|value| value.map(Bytes::from)))
                .collect(),
        },
        error: get(row, 12)?,
        unknown: get(row, 13)?,
        owed: get(row, 14)?,
        parked_at: get(row, 15)?,
    })
}

fn text(bytes: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| refused("the key of a parked event is no text"))
}
