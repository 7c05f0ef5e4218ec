//! Progress is saved in batches, and only over events that are finished.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Source;
use tokio::time::{Instant, timeout};

use super::job::{Done, Place};
use super::partition::Phase;
use super::state::{State, SubscriberOrder};
use super::track::Reached;
use crate::ports::{EventStore, Mark, Progress, StoreError, TopicPartition};

impl State {
    /// Sees to it that what moved is saved before long.
    pub(super) fn keep_saving(&mut self) {
        if self.moved == 0 {
            return;
        }
        if self.moved >= self.context.options.save_records {
            self.save();
        } else if self.save_at.is_none() {
            self.save_at = Some(Instant::now() + self.context.options.save_every);
        }
    }

    /// Begins to save whatever moved, unless that is under way.
    pub(super) fn save(&mut self) {
        if self.is_saving {
            return;
        }
        self.save_at = None;
        self.moved = 0;
        let all: Vec<_> = self.partitions.keys().cloned().collect();
        let (places, marks) = self.unsaved(&all);
        if places.is_empty() {
            return;
        }
        self.is_saving = true;
        let source = self.source.clone();
        let store = Arc::clone(&self.with.store);
        let progress = Arc::clone(&self.with.progress);
        let name = self.context.name;
        self.jobs.push(Box::pin(async move {
            let result = advance(&*store, &source, &*progress, name, &marks).await;
            Done::Saved(places, result)
        }));
    }

    pub(super) fn saved(&mut self, places: &[(Place, Reached)], result: Result<(), StoreError>) {
        self.is_saving = false;
        if let Err(error) = result {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                context = self.context.name,
                error,
                "progress cannot be saved now"
            );
            self.save_at = Some(Instant::now() + self.context.options.longest_wait);
            return;
        }
        for (place, reached) in places {
            if let Some(partition) = self.partition(place) {
                partition.saved = *reached;
                let note = SubscriberOrder::Note(place.at.clone(), reached.offset);
                self.orders.push(note);
            }
        }
        self.keep_saving();
    }

    /// Saves what moved in these partitions before they are let go.
    pub(super) async fn save_last(&mut self, partitions: &[TopicPartition], within: Duration) {
        let (places, marks) = self.unsaved(partitions);
        if places.is_empty() {
            return;
        }
        let saving = advance(
            &*self.with.store,
            &self.source,
            &*self.with.progress,
            self.context.name,
            &marks,
        );
        match timeout(within, saving).await {
            Ok(Ok(())) => {}
            // What is not saved is heard again, and is known by its command ids.
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    context = self.context.name,
                    error,
                    "progress is left unsaved"
                );
            }
            Err(_) => tracing::warn!(context = self.context.name, "progress is left unsaved"),
        }
    }

    fn unsaved(&self, of: &[TopicPartition]) -> (Vec<(Place, Reached)>, Vec<Mark>) {
        let mut places = Vec::new();
        let mut marks = Vec::new();
        for at in of {
            let Some(partition) = self.partitions.get(at) else {
                continue;
            };
            let done = partition.track.done();
            if partition.phase == Phase::Preparing || done == partition.saved {
                continue;
            }
            places.push((self.place(at), done));
            for (policy, mark) in self.context.policies.iter().zip(&partition.marks) {
                // A policy that was further ahead stays there.
                if *mark <= done.position {
                    marks.push(Mark {
                        policy: policy.name().to_owned(),
                        at: at.clone(),
                        position: done.position,
                        offset: done.offset,
                    });
                }
            }
        }
        (places, marks)
    }
}

/// Moves marks, if history stands: a store that was restored under us must not be told of progress in what it lost.
async fn advance(
    store: &dyn EventStore,
    source: &Source,
    progress: &dyn Progress,
    context: &str,
    marks: &[Mark],
) -> Result<(), StoreError> {
    let head = store.head().await?;
    if store.source() != *source {
        return Err(StoreError::Refused {
            what: format!("note progress in what was {source}: history was restored"),
            source: None,
        });
    }
    let furthest = marks.iter().map(|mark| mark.position).max().unwrap_or(0);
    if furthest > head.position {
        return Err(StoreError::Refused {
            what: format!(
                "note progress up to {furthest} in a store that ends at {}",
                head.position
            ),
            source: None,
        });
    }
    progress.advance(context, marks).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::progress::MemoryProgress;
    use crate::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
    use crate::ports::SystemClock;

    /// The store lost what these marks stand for, and has not noticed.
    #[tokio::test(start_paused = true)]
    async fn a_store_is_not_told_of_progress_beyond_its_end() {
        let database = MemoryDatabase::new("mall", Arc::new(SystemClock));
        let store = MemoryStore::connect(&database, Arc::new(NoFaults));
        let ledger = MemoryProgress::new();
        let at = TopicPartition {
            topic: "jangbu.bell".into(),
            partition: 0,
        };
        let mark = Mark {
            policy: "sound".to_owned(),
            at: at.clone(),
            position: 1,
            offset: 1,
        };
        let refused = advance(&*store, &store.source(), &ledger, "tower", &[mark]).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })));
        assert!(ledger.marks("tower", &[at]).await.unwrap().is_empty());
    }
}
