//! Now and then the ledgers are looked at: whether the context reacts, how far the relay came, and whether something
//! is parked that this binary has come to know.

use std::sync::Arc;

use tokio::time::Instant;

use super::job::Done;
use super::meter;
use super::redrive;
use super::state::State;
use crate::ports::{ContextState, RelayCheckpoint, StoreError};

/// What stood in the ledgers.
pub(super) struct Looked {
    checkpoint: RelayCheckpoint,
    state: ContextState,
    parked_keys: usize,
}

impl State {
    pub(super) fn look(&mut self) {
        if self.is_looking {
            return;
        }
        let now = Instant::now();
        self.is_looking = true;
        self.look_at = now + self.context.options.look_every;
        let with = self.with.clone();
        let name = self.context.name;
        self.jobs.push(Box::pin(async move {
            let looked = async {
                Ok(Looked {
                    checkpoint: with.ledger.checkpoint().await?,
                    state: with.progress.state(name).await?,
                    parked_keys: with.progress.parked_keys(name).await?.len(),
                })
            };
            Done::Looked(Box::new(looked.await))
        }));
        if self.redrive_at <= now {
            self.redrive_known();
        }
    }

    pub(super) fn looked(&mut self, looked: Result<Looked, StoreError>) {
        self.is_looking = false;
        let is_old = std::mem::take(&mut self.look_is_old);
        match looked {
            Ok(looked) => {
                self.compare_with_relay(&looked.checkpoint);
                self.measure(&looked);
                if !is_old {
                    self.told_state(&looked.state);
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    context = self.context.name,
                    error,
                    "the ledgers cannot be read now"
                );
            }
        }
    }

    /// Records that the relay has sent and these policies have not finished.
    fn measure(&self, looked: &Looked) {
        let behind: i64 = self
            .partitions
            .iter()
            .filter_map(|(at, partition)| {
                let sent = looked.checkpoint.partitions.get(at)?.offset;
                Some((sent - partition.track.done().offset).max(0))
            })
            .sum();
        meter::lag(self.context.name, behind);
        meter::parked_keys(self.context.name, looked.parked_keys);
    }

    /// Events of kinds that were unknown are redriven by the first binary that knows them.
    fn redrive_known(&mut self) {
        if self.is_redriving || self.parked_keys.is_empty() || self.stopped.is_some() {
            return;
        }
        self.is_redriving = true;
        self.redrive_at = Instant::now() + self.context.options.redrive_every;
        let (context, with) = (Arc::clone(&self.context), self.with.clone());
        let ours = self.parked_keys.clone();
        self.jobs.push(Box::pin(async move {
            Done::Redriven(redrive::unknown(&context, &with, &ours).await)
        }));
    }

    pub(super) fn redriven(&mut self, served: usize) {
        self.is_redriving = false;
        if served > 0 {
            tracing::info!(
                context = self.context.name,
                served,
                "parked events were redriven"
            );
        }
    }
}
