//! Keeping the checkpoint, telling how it goes, and looking after topics that nobody writes to.

use std::time::Duration;

use chrono::DateTime;
use tokio::time::Instant;

use super::{SAVE_EVERY, Stream};
use crate::ports::{Log, LogError};
use crate::relay::halt::Halt;
use crate::relay::wiped;

/// How often an idle relay looks whether its topics are still there.
const LOOK_AFTER_EVERY: Duration = Duration::from_secs(30);

impl Stream<'_> {
    pub(super) async fn save_if_due(&mut self) -> Result<(), Halt> {
        if self.saved_at.elapsed() >= SAVE_EVERY {
            self.save().await?;
            self.report();
        }
        Ok(())
    }

    pub(super) async fn save(&mut self) -> Result<(), Halt> {
        self.saved_at = Instant::now();
        if !self.is_saved {
            self.lanes.write(&mut self.checkpoint);
            self.leadership.save(&self.checkpoint).await?;
            self.is_saved = true;
        }
        Ok(())
    }

    /// A wiped topic is noticed by the next record; where none comes, it is looked for.
    pub(super) async fn look_after(&mut self, log: &dyn Log) -> Result<(), Halt> {
        if !self.window.is_empty() || self.looked_after_at.elapsed() < LOOK_AFTER_EVERY {
            return Ok(());
        }
        self.looked_after_at = Instant::now();
        let edges = log.edges(&self.lanes.places()).await?;
        let wiped = wiped::shortened(&self.lanes, &edges);
        if wiped.is_empty() {
            return Ok(());
        }
        Err(Halt::Log(LogError {
            what: "keep what it was given".to_owned(),
            why: wiped::tell(&self.lanes, &wiped),
            transient: true,
        }))
    }

    pub(super) fn report(&mut self) {
        let oldest = self
            .window
            .oldest()
            .or_else(|| Some(self.batch.peek()?.recorded_at.timestamp_micros()));
        let age = oldest
            .and_then(DateTime::from_timestamp_micros)
            .map(|at| self.options.clock.now() - at);
        let lag = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
        let head = self.read.max(*self.arrivals.borrow());
        self.reporter.leading(self.checkpoint.position, head, lag);
    }
}
