//! Reading the event store: aggregates, the tail, the head; and a turn at a contended aggregate.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use event_schemas::{Envelope, Source};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Appender, Stream};

/// The newest position that anybody in this process has heard of. It only ever rises within an incarnation.
pub type Arrivals = watch::Receiver<u64>;

/// Where a store ends.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// The last position; 0 where nothing is stored.
    pub position: u64,
    /// The event at it.
    pub event_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
}

/// An aggregate's state at a version, so that not all of its events need be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version it is the state at.
    pub version: u64,
    /// The state as JSON.
    pub state: Bytes,
    /// Digest of the state's schema; a snapshot of another is dropped.
    pub schema: [u8; 32],
}

/// A snapshot to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSnapshot {
    /// Of this aggregate.
    pub stream: Stream,
    /// The state.
    pub snapshot: Snapshot,
    /// The event at its version. Where another stands there, the history it is of was taken away by a restore.
    pub last_event: Uuid,
}

/// What of an aggregate is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Which one.
    pub stream: Stream,
    /// From where.
    pub from: LoadFrom,
}

/// From where an aggregate is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadFrom {
    /// From its newest snapshot whose state has this schema, or from its first event.
    Scratch {
        /// Digest of the state's schema.
        schema: [u8; 32],
    },
    /// The events after this version only: the state up to it is at hand.
    After {
        /// The version that is at hand.
        version: u64,
    },
}

/// An aggregate as loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Which one.
    pub stream: Stream,
    /// Its newest snapshot with the schema asked for.
    pub snapshot: Option<Snapshot>,
    /// All events after the snapshot, or after the version asked for, in order.
    pub events: Vec<Envelope>,
    /// The version the store has it at; 0 where it has none. May lie below the version asked for, after a restore.
    pub version: u64,
}

/// Which events a reader wants; empty fields want all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one aggregate type.
    pub aggregate: Option<String>,
    /// Of one aggregate.
    pub aggregate_id: Option<String>,
    /// Of these names.
    pub names: Vec<String>,
    /// Caused by this actor.
    pub actor: Option<String>,
    /// Of one correlation.
    pub correlation_id: Option<String>,
    /// Of one command.
    pub command_id: Option<Uuid>,
    /// Not after this position.
    pub until: Option<u64>,
}

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached just now; try again with backoff.
    #[error("the event store cannot be reached: {what}")]
    Unreachable {
        /// What was attempted.
        what: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It answered with an error that a retry will not mend.
    #[error("the event store refused: {what}")]
    Refused {
        /// What was attempted.
        what: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The newest event we were told of does not stand in it: a backup was restored, or a standby took over behind.
    #[error(
        "history was restored under us: position {position} no longer holds event {event_id}; see `jangbu repair fork`"
    )]
    Forked {
        /// Where we knew an event.
        position: u64,
        /// The event that stood there.
        event_id: Uuid,
    },
}

impl StoreError {
    /// True where trying again later can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// A turn at a contended aggregate, held across processes until it is dropped or ended.
#[async_trait]
pub trait Turn: Send {
    /// Gives the turn back.
    async fn end(self: Box<Self>);
}

/// The event store, to read and to open an [`Appender`] on.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Store name and incarnation, as of the last connection.
    fn source(&self) -> Source;

    /// The newest head anybody here knows; wakes when it rises.
    fn arrivals(&self) -> Arrivals;

    /// Tells everybody, in this process and in others, that the store reaches to `position`. Called after a commit,
    /// never in it. Cheap: other processes are told at most every few milliseconds.
    fn announce(&self, position: u64);

    /// Opens the connection that appends. One per process.
    async fn appender(&self) -> Result<Box<dyn Appender>, StoreError>;

    /// Loads aggregates, many at once, in the order asked.
    async fn load(&self, loads: &[Load]) -> Result<Vec<Loaded>, StoreError>;

    /// Events after a position, in order, at most `limit` of them.
    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError>;

    /// Events after a position that a filter lets through, in order, at most `limit`; and the position up to which
    /// the store was looked through (pass it as `after` to go on).
    async fn search(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Envelope>, u64), StoreError>;

    /// Where the store ends, asked of the store.
    async fn head(&self) -> Result<Head, StoreError>;

    /// Takes a turn at a contended aggregate; none if it did not come within `wait`.
    async fn turn(
        &self,
        stream: &Stream,
        wait: std::time::Duration,
    ) -> Result<Option<Box<dyn Turn>>, StoreError>;

    /// Keeps snapshots of what stands in the store; older ones of the same aggregates are replaced. Losing one loses
    /// nothing but time.
    async fn save_snapshots(&self, snapshots: Vec<NewSnapshot>) -> Result<(), StoreError>;
}
