//! The ledger of policies: where they start, how far they came, what is parked, which contexts are stopped.

mod parked;

use async_trait::async_trait;
use jangbu_runtime::ports::{
    ContextState, LogRecord, Mark, Parked, Progress, StoreError, TopicPartition,
};
use sqlx::query;

use crate::array::Array;
use crate::envelope::{get, number};
use crate::postgres::Postgres;
use crate::session::Statement;

/// Dead letters kept: enough to see what somebody sends us, not enough to fill the disk.
const DEAD_LETTERS: i64 = 10_000;

impl Postgres {
    async fn note(&self, what: &str, statement: Statement<'_>) -> Result<u64, StoreError> {
        self.shared
            .reads
            .take()
            .await?
            .execute(what, statement)
            .await
    }
}

/// Text that the database can hold: it knows no U+0000.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

#[async_trait]
impl Progress for Postgres {
    async fn register(&self, context: &str, policies: &[(String, u64)]) -> Result<(), StoreError> {
        let register = query(
            "INSERT INTO policies (context, policy, starts_after)
            SELECT $1, n.policy, n.starts_after FROM unnest($2::text[], $3::bigint[]) AS n (policy, starts_after)
            ORDER BY n.policy ON CONFLICT (context, policy) DO NOTHING",
        )
        .bind(context)
        .bind(Array(policies.iter().map(|(policy, _)| policy.as_str())))
        .bind(Array(policies.iter().map(|(_, from)| from.cast_signed())));
        self.note("register policies", register).await.map(|_| ())
    }

    async fn starts(&self, context: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let starts =
            query("SELECT policy, starts_after FROM policies WHERE context = $1").bind(context);
        let rows = self
            .shared
            .reads
            .take()
            .await?
            .rows("read where policies start", starts)
            .await?;
        rows.iter()
            .map(|row| Ok((get(row, 0)?, number(row, 1)?)))
            .collect()
    }

    async fn marks(
        &self,
        context: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Mark>, StoreError> {
        let marks = query(
            "SELECT m.policy, m.topic, m.partition, m.position, m.next_offset
            FROM unnest($2::text[], $3::int[]) AS p (topic, partition)
            JOIN marks m ON m.context = $1 AND m.topic = p.topic AND m.partition = p.partition",
        )
        .bind(context)
        .bind(Array(partitions.iter().map(|at| &*at.topic)))
        .bind(Array(partitions.iter().map(|at| at.partition)));
        let rows = self
            .shared
            .reads
            .take()
            .await?
            .rows("read marks", marks)
            .await?;
        let mark = |row: &sqlx::postgres::PgRow| {
            let at = TopicPartition {
                topic: get::<&str>(row, 1)?.into(),
                partition: get(row, 2)?,
            };
            Ok(Mark {
                policy: get(row, 0)?,
                at,
                position: number(row, 3)?,
                offset: get(row, 4)?,
            })
        };
        rows.iter().map(mark).collect()
    }

    async fn advance(&self, context: &str, marks: &[Mark]) -> Result<(), StoreError> {
        // In one order, so that two who move the same marks wait for each other instead of both failing.
        let advance = query(
            "INSERT INTO marks AS m (context, policy, topic, partition, position, next_offset)
            SELECT DISTINCT ON (n.topic, n.partition, n.policy)
                $1, n.policy, n.topic, n.partition, n.position, n.next_offset
            FROM unnest($2::text[], $3::text[], $4::int[], $5::bigint[], $6::bigint[])
                AS n (policy, topic, partition, position, next_offset)
            ORDER BY n.topic, n.partition, n.policy, n.position DESC
            ON CONFLICT (context, topic, partition, policy) DO UPDATE
                SET position = excluded.position, next_offset = excluded.next_offset
                WHERE m.position <= excluded.position",
        )
        .bind(context)
        .bind(Array(marks.iter().map(|mark| mark.policy.as_str())))
        .bind(Array(marks.iter().map(|mark| &*mark.at.topic)))
        .bind(Array(marks.iter().map(|mark| mark.at.partition)))
        .bind(Array(marks.iter().map(|mark| mark.position.cast_signed())))
        .bind(Array(marks.iter().map(|mark| mark.offset)));
        self.note("move marks", advance).await.map(|_| ())
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        self.park_row(parked).await
    }

    async fn parked_keys(&self, context: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.keys_of_parked(context).await
    }

    async fn park_behind(&self, parked: &Parked) -> Result<bool, StoreError> {
        self.park_row_behind(parked).await
    }

    async fn parked(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.parked_rows(context, key, limit).await
    }

    async fn served(&self, number: i64, policies: &[String]) -> Result<bool, StoreError> {
        self.serve_row(number, policies).await
    }

    async fn owe(&self, number: i64, policies: &[String]) -> Result<(), StoreError> {
        self.owe_more(number, policies).await
    }

    async fn state(&self, context: &str) -> Result<ContextState, StoreError> {
        let state = query("SELECT why, since FROM contexts WHERE context = $1").bind(context);
        match self
            .shared
            .reads
            .take()
            .await?
            .row("read a context's state", state)
            .await?
        {
            None => Ok(ContextState::Running),
            Some(row) => Ok(ContextState::Stopped {
                why: get(&row, 0)?,
                since: get(&row, 1)?,
            }),
        }
    }

    async fn set_state(&self, context: &str, state: &ContextState) -> Result<(), StoreError> {
        let set = match state {
            ContextState::Running => query("DELETE FROM contexts WHERE context = $1").bind(context),
            ContextState::Stopped { why, since } => query(
                "INSERT INTO contexts (context, why, since) VALUES ($1, $2, $3)
                ON CONFLICT (context) DO UPDATE SET why = excluded.why, since = excluded.since",
            )
            .bind(context)
            .bind(printable(why))
            .bind(since),
        };
        self.note("set a context's state", set).await.map(|_| ())
    }

    async fn dead_letter(
        &self,
        group: &str,
        record: &LogRecord,
        why: &str,
    ) -> Result<(), StoreError> {
        let keep = query(
            "WITH kept AS (
                INSERT INTO dead_letters (consumer, topic, partition, log_offset, record_key, record_value,
                    header_names, header_values, why)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING number
            )
            DELETE FROM dead_letters d USING kept WHERE d.number <= kept.number - $10",
        )
        .bind(group)
        .bind(printable(&record.at.topic))
        .bind(record.at.partition)
        .bind(record.offset)
        .bind(record.key.as_deref())
        .bind(record.value.as_deref())
        .bind(Array(record.headers.iter().map(|(name, _)| name.as_bytes())))
        .bind(Array(record.headers.iter().map(|(_, value)| value.as_deref())))
        .bind(printable(why))
        .bind(DEAD_LETTERS);
        self.note("keep a dead letter", keep).await.map(|_| ())
    }
}
