//! The follower: puts the log's partitions back into the store's one order, once per process, for whoever asks.
//!
//! Positions are dense, so anybody can: every partition is read and 1, 2, 3 … handed out. What the log does not bring in
//! time, or what it brings and the store does not confirm, is read from the store. Start, catch-up, rebuild, repair and
//! live are one path: a [`Feed`] reads the store until it reaches the part that is kept here, and takes over from there.
//!
//! Nothing that stands in a topic is believed. A record counts only if the store holds that event, of that aggregate, at
//! that position (asked for a whole run of records at once), and if it stands in the partition of its key, where the
//! event's own record comes before any copy made of it.

mod backoff;
mod feed;
mod read;
mod intake;
mod reorder;
mod ring;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ports::{EventStore, Log, StoreError};

pub(crate) use backoff::Backoff;
pub use feed::{Feed, FollowError};
pub(crate) use read::StoreReader;
use ring::Ring;
use tail::Tail;

/// How a follower follows.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// So many of the newest events are kept for all feeds; a feed that is slower goes back to the store.
    pub kept_events: usize,
    /// And at most so many bytes of them.
    pub kept_bytes: usize,
    /// A position that does not come from the log within this time is read from the store.
    pub patience: Duration,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            kept_events: 16_384,
            kept_bytes: 64 << 20,
            patience: Duration::from_secs(1),
        }
    }
}

/// One topic of the store, and the aggregate whose events are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedTopic {
    /// The aggregate's name.
    pub aggregate: String,
    /// The topic's full name.
    pub topic: String,
}

/// Where the newest events come from just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// Nothing was read yet.
    Starting,
    /// From the log, as it should be.
    Log,
    /// From the store, as the log does not bring them.
    Store {
        /// Why.
        why: String,
    },
    /// From nowhere: the store gives no answer, or another history.
    Nothing {
        /// Why.
        why: String,
    },
}

/// Follows one store for a whole process.
pub struct Follower {
    store: Arc<dyn EventStore>,
    log: Option<Arc<dyn Log>>,
    topics: Vec<FollowedTopic>,
    options: FollowOptions,
    ring: Arc<Ring>,
    following: watch::Sender<Following>,
}

impl Follower {
    /// A follower of a store by its topics; without a log it follows the store alone. It does nothing until it is run.
    #[must_use]
    pub fn new(
        store: Arc<dyn EventStore>,
        log: Option<Arc<dyn Log>>,
        topics: Vec<FollowedTopic>,
        options: FollowOptions,
    ) -> Arc<Self> {
        let ring = Arc::new(Ring::new(options.kept_events, options.kept_bytes));
        Arc::new(Self {
            store,
            log,
            topics,
            options,
            ring,
            following: watch::Sender::new(Following::Starting),
        })
    }

    /// Follows until it is cancelled; run it once. Whatever goes wrong is tried again.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut backoff = Backoff::new();
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
