//! A feed: all events after a position, in order, each once, from the store or from what the follower keeps.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use tokio::sync::watch;

use super::read::{BATCH_BYTES, StoreReader};
use super::ring::{Ring, Taken};
use crate::ports::{EventStore, StoreError};

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
    store: StoreReader,
    ring: Arc<Ring>,
    news: watch::Receiver<u64>,
    era: u64,
    position: u64,
}

impl Feed {
    pub(super) fn new(store: Arc<dyn EventStore>, ring: Arc<Ring>, after: u64) -> Self {
        Self {
            news: ring.news(),
            era: ring.era(),
            store: StoreReader::new(store),
            ring,
            position: after,
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
            // The follower may keep events of a new history already, and this feed be of the lost one.
            self.store.same_history()?;
            let history = (self.era, &self.store.source_now());
            match self.ring.take(history, self.position, most, BATCH_BYTES) {
                Taken::Events(events) => return Ok(self.hand_out(events)),
                Taken::AskStore => {
                    let events = self.store.read(self.position, most).await?;
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
}
