//! Reading from the store what the log does not bring, or not in time.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::{BATCH, Tail};
use crate::follow::FollowError;
use crate::follow::intake::Dropped;
use crate::metric_definitions::FOLLOW_REFILLED;
use crate::ports::Arrivals;

/// The store's head is asked for after so long without news, in case nobody told us of it.
const ASK_HEAD_AFTER: Duration = Duration::from_secs(2);

impl Tail<'_> {
    /// Reads the store when a position is overdue; at once if the log is known to be behind.
    pub(super) async fn mind_what_is_due(&mut self) -> Result<(), FollowError> {
        let now = Instant::now();
        self.ask_head_sometimes(now).await?;
        let last = self.last();
        let arrived = *self.arrivals.borrow();
        if arrived <= last && self.reorder.is_empty() {
            self.due = None;
            return Ok(());
        }
        let patience = self.follower.options.patience;
        if now.duration_since(self.milestone.1) > patience {
            self.milestone = (last, now);
        }
        if !self.trusted {
            if now >= self.reopen_at {
                self.open_when_due(now);
                return self.fill().await;
            }
            if arrived > last.max(self.filled_for) {
                return self.fill().await;
            }
        }
        let since = match self.due {
            Some((position, since)) if position == last + 1 => since,
            _ => now,
        };
        self.due = Some((last + 1, since));
        if now.duration_since(since) < patience {
            return Ok(());
        }
        self.fill().await?;
        if self.last() > last {
            self.reopen_at = now + self.reopen_after;
            self.distrust(format!("position {} did not come in time", last + 1));
        }
        Ok(())
    }

    /// Without a log, or until it is open: reads the store whenever something arrives there.
    pub(super) async fn watch_store(&mut self) -> Result<(), FollowError> {
        let now = Instant::now();
        self.open_when_due(now);
        let mut wake_at = now + ASK_HEAD_AFTER;
        if self.opening.is_none() && self.follower.log.is_some() {
            wake_at = wake_at.min(self.reopen_at);
        }
        let opened = tokio::select! {
            biased;
            opened = some(self.opening.as_mut()) => Some(opened),
            () = risen(&mut self.arrivals) => None,
            () = tokio::time::sleep_until(wake_at) => None,
        };
        match opened {
            Some(opened) => self.opened(opened).await,
            None => self.fill().await,
        }
    }

    /// Another process's commit may have gone untold.
    async fn ask_head_sometimes(&mut self, now: Instant) -> Result<(), FollowError> {
        if now.duration_since(self.head_asked_at) < ASK_HEAD_AFTER {
            return Ok(());
        }
        self.head_asked_at = now;
        let last = self.last();
        let head = self.store.head().await?.position;
        // A shorter history than the lost one brings no news by itself.
        self.same_history()?;
        if head > last && *self.arrivals.borrow() <= last {
            // Whoever waits for arrivals hears of it too.
            self.store.announce(head);
        }
        Ok(())
    }

    /// Reads the store up to its head. If that is far, the feeds do it themselves, each at its own pace.
    pub(super) async fn fill(&mut self) -> Result<(), FollowError> {
        self.filled_for = *self.arrivals.borrow();
        let head = self.store.head().await?.position;
        if self.ring.last().is_some() {
            self.same_history()?;
        }
        let far = self
            .ring
            .last()
            .is_none_or(|last| head.saturating_sub(last) > self.ring.capacity() as u64);
        if far {
            self.ring.jump(self.store.source(), head);
        }
        while self.last() < head {
            let events = self.refill.read(self.last(), BATCH).await?;
            self.same_history()?;
            if events.is_empty() {
                break;
            }
            metrics::counter!(FOLLOW_REFILLED).increment(events.len() as u64);
            self.ring.push(events);
        }
        self.reorder.drop_through(self.last());
        // The store was asked for its head after these came in: they claim positions that are not there.
        let held = self.reorder.clear();
        self.intake.disown(Dropped::NotStored, held);
        self.due = None;
        Ok(())
    }

    /// An answer counts only if it is of the history that is followed: a restore may have been accepted in between.
    pub(super) fn same_history(&self) -> Result<(), FollowError> {
        match self.ring.source() {
            Some(source) if source == self.store.source() => Ok(()),
            _ => Err(FollowError::Forked),
        }
    }
}

/// The future, if there is one; otherwise never.
async fn some<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn risen(arrivals: &mut Arrivals) {
    if arrivals.changed().await.is_err() {
        // Nobody is left who could tell.
        std::future::pending::<()>().await;
    }
}
