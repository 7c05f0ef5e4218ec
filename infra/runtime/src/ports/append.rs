//! Appending: a batch of decided commands goes in, and the store says what became of each.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use event_schemas::Envelope;
use uuid::Uuid;

use super::StoreError;

/// One aggregate's stream of events: its type and its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// The aggregate's name: `stock`.
    pub aggregate: Arc<str>,
    /// The aggregate's id as text.
    pub id: Arc<str>,
}

impl Stream {
    /// A stream by its two names.
    pub fn new(aggregate: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self {
            aggregate: aggregate.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.aggregate, self.id)
    }
}

/// An event on its way into the store. Position and time are the store's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The stream it belongs to.
    pub stream: Stream,
    /// Its number in the stream, from 1.
    pub sequence: u64,
    /// The event's name.
    pub name: Cow<'static, str>,
    /// The event's version, as text.
    pub version: Cow<'static, str>,
    /// JSON, to be stored byte for byte.
    pub payload: Bytes,
    /// A flat JSON object of texts, to be stored byte for byte.
    pub metadata: Bytes,
    /// UUID v7.
    pub event_id: Uuid,
    /// Which of its command's events it is, from 0.
    pub ordinal: u32,
    /// See [`crate::hash::leaf`].
    pub leaf: [u8; 32],
}

/// One decided command in a batch.
///
/// An entry without events is a check only: it asks the store to confirm that the command's id is unknown and that
/// the aggregate stands at `version`; nothing is stored for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The command's id; the store carries an id out at most once.
    pub command_id: Uuid,
    /// The aggregate it was decided on.
    pub stream: Stream,
    /// The version (sequence of the last event) it was decided on, counting earlier entries of the batch.
    pub version: u64,
    /// The version the caller insists on (`Expected-Version`), judged before `version`.
    pub expected_version: Option<u64>,
    /// The facts it leaves: events of `stream`, or one event of the stream `command/<command_id>`, or none.
    pub events: Vec<NewEvent>,
    /// The caller has the store's word that `version` stands (it holds the acknowledgement, or the predecessor is in
    /// this batch), so that the store need not look it up. Ignored in checked mode.
    pub version_known: bool,
}

/// A batch that was stored whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Position of its first event; entries' events follow densely, in order. `head + 1` if it had none.
    pub first: u64,
    /// The block's time; of the newest block if the batch had no events.
    pub recorded_at: DateTime<Utc>,
    /// Aggregates that lost a race somewhere within the last second.
    pub contended: Vec<Stream>,
}

/// What the fast call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FastOutcome {
    /// Every check held, everything is stored and durable.
    Appended(Appended),
    /// Some check failed; nothing is stored. Checked mode says which.
    Failed,
}

/// What became of one entry in checked mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Stored; its first event stands at this position, the others follow. (A check only: it holds; the position is
    /// the head at that place in the batch.)
    Appended {
        /// Position of its first event.
        first: u64,
    },
    /// The id was carried out before: these are its facts, in order. Whether it meant the same is the caller's to see.
    AlreadyDone {
        /// The stored events of that command.
        facts: Vec<Envelope>,
    },
    /// An earlier entry of the same aggregate failed in this batch.
    Behind,
    /// The aggregate does not stand at `expected_version`.
    VersionMismatch {
        /// Where it stands.
        actual: u64,
    },
    /// The aggregate does not stand at the version this was decided on.
    Conflict {
        /// Where it stands.
        actual: u64,
        /// The events after `version`, in order; a bounded number of them.
        missed: Vec<Envelope>,
    },
    /// The store will never take these bytes.
    RefusedAsData {
        /// What it says.
        why: String,
    },
}

/// What checked mode says: one verdict per entry, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// One per entry.
    pub verdicts: Vec<Verdict>,
    /// The block's time, if anything was stored.
    pub recorded_at: DateTime<Utc>,
    /// Aggregates that lost a race somewhere within the last second.
    pub contended: Vec<Stream>,
}

/// Why an append has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// For certain nothing was stored; try again once the store is back.
    #[error("the store took nothing")]
    NotDone(#[source] StoreError),
    /// Nobody knows: the connection was lost or the deadline passed while the store worked on it. Call
    /// [`Appender::recover`], then [`Appender::look_up`].
    #[error("the outcome of the append is unknown")]
    Unknown(#[source] StoreError),
    /// The store is broken in a way that no retry mends (a position twice, another history).
    #[error("the store cannot be trusted")]
    Fatal(#[source] StoreError),
}

/// The batcher's own connection to the store. One append at a time.
#[async_trait]
pub trait Appender: Send {
    /// Stores a batch if every check holds, or nothing of it. Durable when it returns.
    async fn append(&mut self, batch: &[Entry]) -> Result<FastOutcome, AppendError>;

    /// Judges a batch entry by entry and stores those that hold. Durable when it returns.
    async fn append_checked(&mut self, batch: &[Entry]) -> Result<Judged, AppendError>;

    /// After [`AppendError::Unknown`]: returns once the old connection's work is certainly over, a new connection
    /// stands, and the newest event we were told of still stands in the store.
    ///
    /// # Errors
    /// [`StoreError::Forked`] if history was restored under us; anything else: try again later.
    async fn recover(&mut self) -> Result<(), StoreError>;

    /// The facts of those of the commands that were carried out; the others are missing from the answer.
    async fn look_up(&mut self, command_ids: &[Uuid]) -> Result<Vec<Envelope>, StoreError>;
}
