//! How far policies came, what they parked, and whether a context is stopped.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{LogRecord, StoreError, TopicPartition};

/// How far one policy came in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The policy's name.
    pub policy: String,
    /// Where.
    pub at: TopicPartition,
    /// Every event of the partition up to this position is done.
    pub position: u64,
    /// A seek hint: the offset after the record at `position`.
    pub offset: i64,
}

/// An event that waits for somebody to look at it, or for a binary that understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The row's number, given by the ledger when it is parked (what it is before does not matter).
    pub number: i64,
    /// The context that parked it.
    pub context: String,
    /// Its topic.
    pub topic: String,
    /// Its key (the aggregate's id).
    pub key: String,
    /// Its position in the store: rows of one key are redriven in its order.
    pub position: u64,
    /// The record as it was read.
    pub record: LogRecord,
    /// Why, in words.
    pub error: String,
    /// True where it waits for a newer binary: it does not count towards the stop.
    pub unknown: bool,
    /// The policies that still owe it a reaction; empty where no policy could be told (an unknown type).
    pub owed: Vec<String>,
    /// When.
    pub parked_at: DateTime<Utc>,
}

/// Whether a context reacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextState {
    /// It does.
    Running,
    /// It stopped and waits for `jangbu parked resume <context>`.
    Stopped {
        /// Why.
        why: String,
        /// Since when.
        since: DateTime<Utc>,
    },
}

/// The ledger of a reacting context.
#[async_trait]
pub trait Progress: Send + Sync + 'static {
    /// Registers policies: one that is new starts after `from` (0: from the beginning) in every partition; known ones
    /// are left alone.
    async fn register(&self, context: &str, policies: &[(String, u64)]) -> Result<(), StoreError>;
    /// The position after which each registered policy of a context was told to start.
    async fn starts(&self, context: &str) -> Result<Vec<(String, u64)>, StoreError>;
    /// The marks of a context in partitions; a policy without one in a partition stands at its start.
    async fn marks(
        &self,
        context: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Mark>, StoreError>;
    /// Moves marks forward; one that would move back stays.
    async fn advance(&self, context: &str, marks: &[Mark]) -> Result<(), StoreError>;

    /// Parks an event. If others of its key are parked it stands among them by its position. Parking the same event
    /// (context, topic, key and position) again adds the policies it owes, and `unknown` stays true if either said so;
    /// nothing else changes.
    async fn park(&self, parked: &Parked) -> Result<(), StoreError>;
    /// The keys (topic, key) of a context under which something is parked.
    async fn parked_keys(&self, context: &str) -> Result<Vec<(String, String)>, StoreError>;
    /// Parks the event only if something is parked under its key, under a lock on the key's first row, so that the
    /// last row cannot be served at the same moment. False if nothing is, and then nothing was done.
    async fn park_behind(&self, parked: &Parked) -> Result<bool, StoreError>;
    /// Parked rows of a context, at most `limit`: of one key (topic, key) by position; of all, the oldest row first.
    async fn parked(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError>;
    /// Notes that these policies have been served; the row goes when none is owed. True when the row is gone.
    async fn served(&self, number: i64, policies: &[String]) -> Result<bool, StoreError>;
    /// Adds whom a parked row of an unknown type owes, once a binary knows.
    async fn owe(&self, number: i64, policies: &[String]) -> Result<(), StoreError>;

    /// Whether the context reacts.
    async fn state(&self, context: &str) -> Result<ContextState, StoreError>;
    /// Stops or resumes a context, for every process.
    async fn set_state(&self, context: &str, state: &ContextState) -> Result<(), StoreError>;

    /// Keeps a record that is not ours, with the reason, among the dead letters (bounded: the oldest go).
    async fn dead_letter(
        &self,
        group: &str,
        record: &LogRecord,
        why: &str,
    ) -> Result<(), StoreError>;
}

/// The payload of a record, as far as it has one.
impl Parked {
    /// The value's bytes, empty where there were none.
    #[must_use]
    pub fn value(&self) -> Bytes {
        self.record.value.clone().unwrap_or_default()
    }

    /// The event id its headers claim.
    #[must_use]
    pub fn event_id(&self) -> Option<Uuid> {
        self.record
            .header("ce_id")
            .and_then(|id| std::str::from_utf8(id).ok())
            .and_then(|id| id.parse().ok())
    }
}
