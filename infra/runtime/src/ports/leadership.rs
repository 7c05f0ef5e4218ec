//! The relay's ledger: who may relay, and how far it came.

use std::collections::BTreeMap;

use async_trait::async_trait;
use event_schemas::Envelope;
use uuid::Uuid;

use super::{StoreError, TopicPartition};

/// How far the relay came in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PartitionMark {
    /// Position of the last record known to stand in the partition; 0 before the first.
    pub previous: u64,
    /// The offset after that record.
    pub offset: i64,
}

/// How far the relay came; written whole.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RelayCheckpoint {
    /// Every event up to here is in the log.
    pub position: u64,
    /// Per partition. Its `previous` may lie above `position` only in a checkpoint that is being built.
    pub partitions: BTreeMap<TopicPartition, PartitionMark>,
    /// Partitions per topic when the relay first wrote to it; another count stops the relay.
    pub counts: BTreeMap<String, u32>,
}

/// Where leadership is had.
#[async_trait]
pub trait RelayLedger: Send + Sync + 'static {
    /// Becomes leader, if nobody else is; none while another leads.
    async fn lead(&self) -> Result<Option<Box<dyn Leadership>>, StoreError>;

    /// The checkpoint as last written by whoever leads: for health, lag, and policies at the end of a partition.
    async fn checkpoint(&self) -> Result<RelayCheckpoint, StoreError>;

    /// The problem that stopped the relay, if one did: said until it is repaired.
    async fn stopped(&self) -> Result<Option<String>, StoreError>;
}

/// Leadership of the relay, bound to one session: when that session is lost, so is leadership, and every call fails.
#[async_trait]
pub trait Leadership: Send {
    /// The checkpoint as it stands.
    async fn checkpoint(&mut self) -> Result<RelayCheckpoint, StoreError>;

    /// Writes the checkpoint, if this is still the leader's epoch.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if another leader has begun.
    async fn save(&mut self, checkpoint: &RelayCheckpoint) -> Result<(), StoreError>;

    /// Events after a position, in order, read on the leader's own session: so the session is known to live.
    async fn read(&mut self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError>;

    /// Which event stands at each of these positions; positions beyond the head are missing from the answer.
    async fn events_at(&mut self, positions: &[u64]) -> Result<BTreeMap<u64, Uuid>, StoreError>;

    /// The incarnations this store has had, the newest last.
    async fn incarnations(&mut self) -> Result<Vec<Uuid>, StoreError>;

    /// Notes why the relay stopped (or that it goes on: none), for everybody to see.
    async fn note_stopped(&mut self, why: Option<&str>) -> Result<(), StoreError>;
}
