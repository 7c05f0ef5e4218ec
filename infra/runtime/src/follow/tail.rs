//! Following the newest events: whenever something arrives in the store, what is new is read once, for all feeds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::feed::FollowError;
use super::read::StoreReader;
use super::{Follower, Following};
use crate::metric_definitions::FOLLOW_POSITION;
use crate::ports::{Arrivals, EventStore};

/// Events read at once.
const BATCH: usize = 1_000;
/// The store's head is asked for after so long without news, in case nobody told us of it.
const ASK_HEAD_AFTER: Duration = Duration::from_secs(2);

/// One attempt at following; it ends when the store fails.
pub(super) struct Tail<'f> {
    follower: &'f Follower,
    store: &'f dyn EventStore,
    arrivals: Arrivals,
    reader: StoreReader,
}

impl<'f> Tail<'f> {
    pub(super) fn new(follower: &'f Follower) -> Self {
        Self {
            follower,
            store: &*follower.store,
            arrivals: follower.store.arrivals(),
            reader: StoreReader::new(Arc::clone(&follower.store)),
        }
    }

    /// Follows until the store fails; says how.
    pub(super) async fn follow(&mut self) -> FollowError {
        match self.attempt().await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn attempt(&mut self) -> Result<Infallible, FollowError> {
        loop {
            self.look_up().await?;
            self.follower.says(Following::Store);
            while self.something_arrives().await {
                self.read_on().await?;
            }
        }
    }

    /// Waits for news; false if there was none for long.
    async fn something_arrives(&mut self) -> bool {
        tokio::time::timeout(ASK_HEAD_AFTER, self.arrivals.changed())
            .await
            .is_ok_and(|told| told.is_ok())
    }

    /// Asks the store where it ends, and reads up to there.
    async fn look_up(&mut self) -> Result<(), FollowError> {
        let head = self.store.head().await?.position;
        // News that crossed the answer is none of its: it stays news.
        if head > *self.arrivals.borrow() {
            // Whoever waits for arrivals hears of it too.
            self.store.announce(head);
        }
        self.read_to(head).await
    }

    async fn read_on(&mut self) -> Result<(), FollowError> {
        let arrived = *self.arrivals.borrow_and_update();
        self.read_to(arrived).await
    }

    /// Reads up to a position. If that is far, the feeds do it themselves, each at its own pace.
    async fn read_to(&mut self, until: u64) -> Result<(), FollowError> {
        // A history that is shorter than the lost one ends before what was read already: nothing else would tell of it.
        self.same_history()?;
        let ring = &self.follower.ring;
        let is_far = |last: u64| until.saturating_sub(last) > ring.capacity() as u64;
        if ring.last().is_none_or(is_far) {
            // Only what the store itself says is there may be passed over.
            let head = self.store.head().await?.position;
            self.reader.same_history()?;
            ring.jump(self.store.source(), head);
        }
        while let Some(last) = ring.last().filter(|last| *last < until) {
            let events = self.reader.read(last, BATCH).await?;
            if events.is_empty() {
                break;
            }
            ring.push(events);
        }
        metrics::gauge!(FOLLOW_POSITION).set(ring.last().unwrap_or(0) as f64);
        Ok(())
    }

    /// What is kept counts only if it is of the history the store has now: a restore may have been accepted in between.
    fn same_history(&self) -> Result<(), FollowError> {
        self.reader.same_history()?;
        match self.follower.ring.source() {
            Some(kept) if kept != self.store.source() => Err(FollowError::Forked),
            _ => Ok(()),
        }
    }
}
