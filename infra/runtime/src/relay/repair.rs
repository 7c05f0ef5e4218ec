//! What an operator does about a stopped relay: `jangbu repair kafka`, and the log's part of `jangbu repair fork`.

use crate::ports::{Edges, Leadership, Log, LogError, RelayCheckpoint, RelayLedger, StoreError};

use super::halt::Halt;
use super::lanes::Lanes;
use super::wiped::{self, Wiped};
use super::{RelayOptions, topics};

/// What was repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Partitions that will be refilled from the store, as `topic/partition`.
    pub refilled: Vec<String>,
    /// Why the relay had stopped, if it had.
    pub was_stopped: Option<String>,
}

/// Why nothing was repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A relay leads and publishes: then nothing of this kind is broken, or it is about to stop by itself.
    #[error("a relay is leading; there is nothing to repair while it does, or stop it first")]
    Leading,
    /// The store gave no answer.
    #[error("the store cannot be asked")]
    Store(#[from] StoreError),
    /// The log gave no answer.
    #[error("the log cannot be asked")]
    Log(#[from] LogError),
    /// Something else is wrong, which this does not mend.
    #[error("{0}")]
    Else(String),
}

impl From<Halt> for RepairError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Lost(error) => Self::Store(error),
            Halt::Log(error) => Self::Log(error),
            other => Self::Else(other.to_string()),
        }
    }
}

/// Sets wiped topics back to their beginning, so that the next leader refills them from the store, and lets the relay go
/// on. What was written into them since the wipe is taken away, as it is refilled in its place; other partitions stay as
/// they are. Where nothing was wiped, the relay simply goes on; if what stopped it is still there, it stops again.
///
/// # Errors
/// See [`RepairError`].
pub async fn refill(
    ledger: &dyn RelayLedger,
    log: &dyn Log,
    options: &RelayOptions,
) -> Result<Repaired, RepairError> {
    let mut repair = Repair::begin(ledger, log, options).await?;
    let leadership = repair.leadership.as_mut();
    let wiped = wiped::find(log, leadership, &repair.lanes, &repair.edges).await?;
    topics::set_back(&repair.lanes, &repair.edges, &wiped, &mut repair.checkpoint);
    topics::empty(log, &repair.lanes, &repair.edges, &wiped).await?;
    let place = |wiped: &Wiped| {
        let at = &repair.lanes.lanes[wiped.lane].at;
        format!("{}/{}", at.topic, at.partition)
    };
    let refilled = wiped.iter().map(place).collect();
    repair.end(refilled).await
}

/// After the store began a new incarnation: what stands in the log so far is history of the others, whatever its positions
/// say. The new incarnation is published from the checkpoint on, which the restored store brought along.
///
/// # Errors
/// See [`RepairError`].
pub async fn step_over(
    ledger: &dyn RelayLedger,
    log: &dyn Log,
    options: &RelayOptions,
) -> Result<Repaired, RepairError> {
    let mut repair = Repair::begin(ledger, log, options).await?;
    for (lane, edges) in repair.lanes.lanes.iter().zip(&repair.edges) {
        let marks = &mut repair.checkpoint.partitions;
        marks.entry(lane.at.clone()).or_default().offset = edges.high;
    }
    repair.end(Vec::new()).await
}

/// The checkpoint in the hand of somebody who repairs it, while nobody leads.
struct Repair {
    leadership: Box<dyn Leadership>,
    was_stopped: Option<String>,
    checkpoint: RelayCheckpoint,
    lanes: Lanes,
    edges: Vec<Edges>,
}

impl Repair {
    async fn begin(
        ledger: &dyn RelayLedger,
        log: &dyn Log,
        options: &RelayOptions,
    ) -> Result<Self, RepairError> {
        let was_stopped = ledger.stopped().await?;
        let mut leadership = ledger.lead().await?.ok_or(RepairError::Leading)?;
        let mut checkpoint = leadership.checkpoint().await?;
        let aggregates = options.all_aggregates(checkpoint.counts.keys());
        let prepared = topics::prepare(
            log,
            leadership.as_mut(),
            options,
            &aggregates,
            &mut checkpoint,
        );
        let (lanes, edges) = prepared.await?;
        Ok(Self {
            leadership,
            was_stopped,
            checkpoint,
            lanes,
            edges,
        })
    }

    /// Keeps the checkpoint and takes the stop back.
    async fn end(mut self, refilled: Vec<String>) -> Result<Repaired, RepairError> {
        self.leadership.save(&self.checkpoint).await?;
        self.leadership.note_stopped(None).await?;
        Ok(Repaired {
            refilled,
            was_stopped: self.was_stopped,
        })
    }
}
