//! A feed: all events after a position, in order, each once, from the store or from what the follower keeps.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::{Envelope, Source};
use tokio::sync::watch;

use super::ring::{Ring, Taken, size_of};
use crate::ports::{EventStore, StoreError};

/// A batch holds about so many bytes, however large its events are.
const BATCH_BYTES: usize = 8 << 20;
/// While nobody follows, the store is asked again after this time.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// History forked: whatever was heard may not have happened. Begin anew from what is durable.
    #[error("history was restored under us; begin anew")]
    Forked,
    /// The store gave no answer. The feed stands where it stood and may be asked again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See [`Follower::subscribe`](super::Follower::subscribe).
pub struct Feed {
    store: Arc<dyn EventStore>,
    ring: Arc<Ring>,
    news: watch::Receiver<u64>,
    era: u64,
    source: Source,
    position: u64,
    /// Of an event read from the store, in bytes; so that a batch of large ones stays small.
    average: usize,
}

impl Feed {
    pub(super) fn new(store: Arc<dyn EventStore>, ring: Arc<Ring>, after: u64) -> Self {
        Self {
            news: ring.news(),
            era: ring.era(),
            source: store.source(),
            store,
            ring,
            position: after,
            average: BATCH_BYTES / 100,
        }
    }

    /// The last position that was handed out.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The newest position this process knows of.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.ring.last().unwrap_or(0).max(self.position)
    }

    /// The next events, at least one and at most `most`; waits until there is one. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`FollowError::Forked`] for good, [`FollowError::Store`] for now.
    pub async fn next_batch(&mut self, most: usize) -> Result<Vec<Arc<Envelope>>, FollowError> {
        loop {
            self.news.mark_unchanged();
            match self.ring.take(self.era, self.position, most, BATCH_BYTES) {
                Taken::Events(events) => return Ok(self.hand_out(events)),
                Taken::AskStore => {
                    let events = self.read(most).await?;
                    if self.store.source() != self.source {
                        return Err(FollowError::Forked);
                    }
                    if !events.is_empty() {
                        return Ok(self.hand_out(events));
                    }
                    // Everything is read and nobody follows (yet): the follower's start is news, but do not rely on it.
                    let _ = tokio::time::timeout(ASK_AGAIN_AFTER, self.news.changed()).await;
                }
                Taken::Wait => {
                    let told = self.news.changed().await;
                    debug_assert!(told.is_ok(), "the feed holds the ring itself");
                }
                Taken::Forked => return Err(FollowError::Forked),
            }
        }
    }

    fn hand_out(&mut self, events: Vec<Arc<Envelope>>) -> Vec<Arc<Envelope>> {
        if let Some(last) = events.last() {
            self.position = last.position;
        }
        events
    }

    async fn read(&mut self, most: usize) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let limit = (BATCH_BYTES / self.average.max(1)).clamp(1, most.max(1));
        let events = self.store.read(self.position, limit).await?;
        dense(self.position, &events)?;
        if !events.is_empty() {
            let bytes: usize = events.iter().map(size_of).sum();
            self.average = bytes / events.len();
        }
        Ok(events.into_iter().map(Arc::new).collect())
    }
}

/// Everything relies on positions without gaps; a store that has one is broken, and folding on would hide it.
pub(crate) fn dense(after: u64, events: &[Envelope]) -> Result<(), StoreError> {
    for (expected, event) in (after + 1..).zip(events) {
        if event.position != expected {
            return Err(StoreError::Refused {
                what: format!(
                    "position {expected} is missing; {} follows instead",
                    event.position
                ),
                source: None,
            });
        }
    }
    Ok(())
}
