//! What is parked: in the order of positions per key, until nobody is owed.

use bytes::Bytes;
use jangbu_runtime::ports::{LogRecord, Parked, StoreError, TopicPartition};
use sqlx::postgres::PgRow;
use sqlx::query;

use super::printable;
use crate::array::Array;
use crate::envelope::{get, number};
use crate::postgres::Postgres;
use crate::session::Statement;

macro_rules! park {
    ($values:literal) => {
        concat!(
            "INSERT INTO parked AS p (context, topic, key, position, partition, log_topic, log_offset, record_key,
                record_value, header_names, header_values, error, is_unknown, owed, parked_at) ",
            $values,
            " ON CONFLICT (context, topic, key, position) DO UPDATE SET
                is_unknown = p.is_unknown OR excluded.is_unknown,
                owed = p.owed || ARRAY (SELECT o FROM unnest(excluded.owed) AS o WHERE o <> ALL (p.owed))"
        )
    };
}

const PARK: &str =
    park!("VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)");

// The lock on the key's first row keeps it from being served away while this goes behind it.
const PARK_BEHIND: &str = park!(
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 FROM (
        SELECT f.number FROM parked f WHERE f.context = $1 AND f.topic = $2 AND f.key = $3
        ORDER BY f.position LIMIT 1 FOR UPDATE
    ) AS first"
);

macro_rules! parked_columns {
    () => {
        "SELECT number, context, topic, key, position, partition, log_topic, log_offset, record_key, record_value, \
         header_names, header_values, error, is_unknown, owed, parked_at FROM parked "
    };
}

const OF_A_KEY: &str = concat!(
    parked_columns!(),
    "WHERE context = $1 AND topic = $2 AND key = $3 ORDER BY position LIMIT $4"
);
const OF_ALL: &str = concat!(
    parked_columns!(),
    "WHERE context = $1 ORDER BY number LIMIT $2"
);

fn bound<'q>(sql: &'static str, parked: &'q Parked) -> Statement<'q> {
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
        .bind(printable(&parked.error))
        .bind(parked.unknown)
        .bind(&parked.owed)
        .bind(parked.parked_at)
}

impl Postgres {
    pub(super) async fn park_row(&self, parked: &Parked) -> Result<(), StoreError> {
        self.note("park an event", bound(PARK, parked))
            .await
            .map(|_| ())
    }

    pub(super) async fn park_row_behind(&self, parked: &Parked) -> Result<bool, StoreError> {
        Ok(self
            .note("park an event behind its key", bound(PARK_BEHIND, parked))
            .await?
            > 0)
    }

    pub(super) async fn keys_of_parked(
        &self,
        context: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let keys = query("SELECT DISTINCT topic, key FROM parked WHERE context = $1").bind(context);
        let rows = self
            .shared
            .reads
            .take()
            .await?
            .rows("read parked keys", keys)
            .await?;
        rows.iter()
            .map(|row| Ok((get(row, 0)?, text(get(row, 1)?))))
            .collect()
    }

    pub(super) async fn parked_rows(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parked = match key {
            Some((topic, key)) => query(OF_A_KEY)
                .bind(context)
                .bind(topic)
                .bind(key.as_bytes())
                .bind(limit),
            None => query(OF_ALL).bind(context).bind(limit),
        };
        let rows = self
            .shared
            .reads
            .take()
            .await?
            .rows("read what is parked", parked)
            .await?;
        rows.iter().map(row).collect()
    }

    pub(super) async fn serve_row(
        &self,
        number: i64,
        policies: &[String],
    ) -> Result<bool, StoreError> {
        let mut session = self.shared.reads.take().await?;
        // The update locks the row, so that of two who serve the last two policies one sees that none is left.
        session.begin().await?;
        let less = query(
            "UPDATE parked SET owed = ARRAY (SELECT o FROM unnest(owed) AS o WHERE o <> ALL ($2))
            WHERE number = $1 RETURNING cardinality(owed)",
        )
        .bind(number)
        .bind(policies);
        let owed = session.row("note who was served", less).await?;
        let is_gone = match owed {
            None => true,
            Some(row) => get::<i32>(&row, 0)? == 0,
        };
        if is_gone {
            let delete = query("DELETE FROM parked WHERE number = $1").bind(number);
            session.execute("take a parked row away", delete).await?;
        }
        session.commit().await?;
        Ok(is_gone)
    }

    pub(super) async fn owe_more(
        &self,
        number: i64,
        policies: &[String],
    ) -> Result<(), StoreError> {
        let more = query(
            "UPDATE parked SET owed = owed || ARRAY (SELECT o FROM unnest($2::text[]) AS o WHERE o <> ALL (owed))
            WHERE number = $1",
        )
        .bind(number)
        .bind(policies);
        self.note("note who is owed", more).await.map(|_| ())
    }
}

fn row(row: &PgRow) -> Result<Parked, StoreError> {
    let names: Vec<Vec<u8>> = get(row, 10)?;
    let values: Vec<Option<Vec<u8>>> = get(row, 11)?;
    let headers = names
        .into_iter()
        .map(text)
        .zip(values.into_iter().map(|value| value.map(Bytes::from)));
    let record = LogRecord {
        at: TopicPartition {
            topic: get::<&str>(row, 6)?.into(),
            partition: get(row, 5)?,
        },
        offset: get(row, 7)?,
        key: get::<Option<Vec<u8>>>(row, 8)?.map(Bytes::from),
        value: get::<Option<Vec<u8>>>(row, 9)?.map(Bytes::from),
        headers: headers.collect(),
    };
    Ok(Parked {
        number: get(row, 0)?,
        context: get(row, 1)?,
        topic: get(row, 2)?,
        key: text(get(row, 3)?),
        position: number(row, 4)?,
        record,
        error: get(row, 12)?,
        unknown: get(row, 13)?,
        owed: get(row, 14)?,
        parked_at: get(row, 15)?,
    })
}

/// Bytes that were text when they were parked.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
