//! The ledger of reacting contexts: marks, states, and what was put aside.
//!
//! Every call is one statement, so a process that dies between two leaves nothing half-done.

mod parked;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jangbu_runtime::ports::{
    ContextState, LogRecord, Mark, Parked, Progress, StoreError, TopicPartition,
};
use sqlx::query;

use crate::array::Array;
use crate::envelope::{get, number};
use crate::postgres::Postgres;

/// So many dead letters are kept; the oldest go.
const DEAD_LETTERS: i64 = 10_000;

#[async_trait]
impl Progress for Postgres {
    async fn register(&self, context: &str, policies: &[(String, u64)]) -> Result<(), StoreError> {
        let register = query(
            "INSERT INTO policies (context, policy, starts_after)
            SELECT $1, p.policy, p.starts_after FROM unnest($2, $3) AS p (policy, starts_after)
            ON CONFLICT (context, policy) DO NOTHING",
        )
        .bind(context)
        .bind(Array(policies.iter().map(|(policy, _)| policy.as_str())))
        .bind(Array(policies.iter().map(|(_, from)| from.cast_signed())));
        let mut session = self.shared.reads.take().await?;
        session.execute("register policies", register).await?;
        Ok(())
    }

    async fn starts(&self, context: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let starts =
            query("SELECT policy, starts_after FROM policies WHERE context = $1 ORDER BY policy")
                .bind(context);
        let mut session = self.shared.reads.take().await?;
        let rows = session.rows("read where policies start", starts).await?;
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
            FROM marks m JOIN unnest($2, $3) AS p (topic, partition)
                ON m.topic = p.topic AND m.partition = p.partition
            WHERE m.context = $1 ORDER BY m.topic, m.partition, m.policy",
        )
        .bind(context)
        .bind(Array(partitions.iter().map(|at| &*at.topic)))
        .bind(Array(partitions.iter().map(|at| at.partition)));
        let mut session = self.shared.reads.take().await?;
        let rows = session.rows("read marks", marks).await?;
        rows.iter()
            .map(|row| {
                let topic: &str = get(row, 1)?;
                Ok(Mark {
                    policy: get(row, 0)?,
                    at: TopicPartition {
                        topic: topic.into(),
                        partition: get(row, 2)?,
                    },
                    position: number(row, 3)?,
                    offset: get(row, 4)?,
                })
            })
            .collect()
    }

    async fn advance(&self, context: &str, marks: &[Mark]) -> Result<(), StoreError> {
        // A statement may touch a row once: of two marks of one policy and partition the further counts.
        let mut furthest: BTreeMap<(&str, &TopicPartition), &Mark> = BTreeMap::new();
        for mark in marks {
            let kept = furthest.entry((&mark.policy, &mark.at)).or_insert(mark);
            if kept.position <= mark.position {
                *kept = mark;
            }
        }
        let advance = query(
            "INSERT INTO marks AS m (context, policy, topic, partition, position, next_offset)
            SELECT $1, n.* FROM unnest($2, $3, $4, $5, $6) AS n (policy, topic, partition, position, next_offset)
            ORDER BY 3, 4, 2
            ON CONFLICT (context, topic, partition, policy) DO UPDATE
                SET position = excluded.position, next_offset = excluded.next_offset
                WHERE m.position <= excluded.position",
        )
        .bind(context)
        .bind(Array(furthest.values().map(|mark| mark.policy.as_str())))
        .bind(Array(furthest.values().map(|mark| &*mark.at.topic)))
        .bind(Array(furthest.values().map(|mark| mark.at.partition)))
        .bind(Array(furthest.values().map(|mark| mark.position.cast_signed())))
        .bind(Array(furthest.values().map(|mark| mark.offset)));
        let mut session = self.shared.reads.take().await?;
        session.execute("move marks", advance).await?;
        Ok(())
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        self.shared.park(parked).await
    }

    async fn parked_keys(&self, context: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.shared.parked_keys(context).await
    }

    async fn park_behind(&self, parked: &Parked) -> Result<bool, StoreError> {
        self.shared.park_behind(parked).await
    }

    async fn parked(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        self.shared.parked(context, key, limit).await
    }

    async fn served(&self, number: i64, policies: &[String]) -> Result<bool, StoreError> {
        self.shared.served(number, policies).await
    }

    async fn owe(&self, number: i64, policies: &[String]) -> Result<(), StoreError> {
        self.shared.owe(number, policies).await
    }

    async fn state(&self, context: &str) -> Result<ContextState, StoreError> {
        let state = query("SELECT why, since FROM contexts WHERE context = $1").bind(context);
        let mut session = self.shared.reads.take().await?;
        let row = session.row("read a context's state", state).await?;
        Ok(match row {
            None => ContextState::Running,
            Some(row) => ContextState::Stopped {
                why: get(&row, 0)?,
                since: get(&row, 1)?,
            },
        })
    }

    async fn set_state(&self, context: &str, state: &ContextState) -> Result<(), StoreError> {
        let set = match state {
            ContextState::Running => query("DELETE FROM contexts WHERE context = $1").bind(context),
            ContextState::Stopped { why, since } => query(
                "INSERT INTO contexts (context, why, since) VALUES ($1, $2, $3)
                ON CONFLICT (context) DO UPDATE SET why = excluded.why, since = excluded.since",
            )
            .bind(context)
            .bind(why)
            .bind(since),
        };
        let mut session = self.shared.reads.take().await?;
        session.execute("set a context's state", set).await?;
        Ok(())
    }

    async fn dead_letter(
        &self,
        group: &str,
        record: &LogRecord,
        why: &str,
    ) -> Result<(), StoreError> {
        let keep = query(
            "WITH kept AS (
                INSERT INTO dead_letters (
                    consumer, topic, partition, log_offset, record_key, record_value, header_names, header_values, why
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING number
            )
            DELETE FROM dead_letters d USING kept WHERE d.number <= kept.number - $10",
        )
        .bind(group)
        .bind(&*record.at.topic)
        .bind(record.at.partition)
        .bind(record.offset)
        .bind(record.key.as_deref())
        .bind(record.value.as_deref())
        .bind(Array(record.headers.iter().map(|(name, _)| name.as_bytes())))
        .bind(Array(record.headers.iter().map(|(_, value)| value.as_deref())))
        .bind(why.replace('\0', "\u{fffd}"))
        .bind(DEAD_LETTERS);
        let mut session = self.shared.reads.take().await?;
        session.execute("keep a dead letter", keep).await?;
        Ok(())
    }
}
