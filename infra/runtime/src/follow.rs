//! The follower: the newest events in the store's one order, read once per process for whoever asks.
//!
//! It follows the store, not the log: what a topic brings would count only once the store had confirmed it, and that
//! question costs as much as reading the events (`docs/decisions/0006-views-follow-the-store.md`). Start, catch-up,
//! rebuild and live are one path: a [`Feed`] reads the store until it reaches the part that is kept here, and takes over
//! from there.

mod feed;
mod read;
mod ring;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::ports::{EventStore, StoreError};

pub use feed::{Feed, FollowError};
pub(crate) use read::StoreReader;
use ring::Ring;
use tail::Tail;

/// After the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// How a follower follows.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// So many of the newest events are kept for all feeds; a feed that is slower goes back to the store.
    pub kept_events: usize,
    /// And at most so many bytes of them.
    pub kept_bytes: usize,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            kept_events: 16_384,
            kept_bytes: 64 << 20,
        }
    }
}

/// Where the newest events come from just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// Nothing was read yet.
    Starting,
    /// From the store, as it should be.
    Store,
    /// From nowhere: the store gives no answer, or another history.
    Nothing {
        /// Why.
        why: String,
    },
}

/// Follows one store for a whole process.
pub struct Follower {
    store: Arc<dyn EventStore>,
    ring: Arc<Ring>,
    following: watch::Sender<Following>,
}

impl Follower {
    /// A follower of a store. It does nothing until it is run.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, options: &FollowOptions) -> Arc<Self> {
        let ring = Arc::new(Ring::new(options.kept_events, options.kept_bytes));
        Arc::new(Self {
            store,
            ring,
            following: watch::Sender::new(Following::Starting),
        })
    }

    /// Follows until it is cancelled; run it once. Whatever goes wrong is tried again.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT);
        loop {
            let mut tail = Tail::new(self);
            let failure = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                failure = tail.follow() => failure,
            };
            self.failed(&failure);
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }

    /// All events after a position, in order, for ever. Feeds are independent of each other.
    #[must_use]
    pub fn subscribe(&self, after: u64) -> Feed {
        Feed::new(Arc::clone(&self.store), Arc::clone(&self.ring), after)
    }

    /// The newest position that feeds can have; none before the first head is known.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.ring.last()
    }

    /// The store that is followed.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Where the newest events come from; for health.
    #[must_use]
    pub fn following(&self) -> watch::Receiver<Following> {
        self.following.subscribe()
    }

    fn failed(&self, failure: &FollowError) {
        let forked = matches!(
            failure,
            FollowError::Forked | FollowError::Store(StoreError::Forked { .. })
        );
        if forked {
            // What was kept is of a history that is gone; every feed has to begin anew.
            self.ring.fork();
            tracing::error!(error = %failure, "history was restored under us; following begins anew");
        } else {
            tracing::warn!(error = %failure, "the store cannot be followed just now");
        }
        let why = failure.to_string();
        self.says(Following::Nothing { why });
    }

    fn says(&self, now: Following) {
        self.following.send_if_modified(|following| {
            let changed = *following != now;
            *following = now;
            changed
        });
    }
}

#[cfg(test)]
pub(crate) mod tests;
