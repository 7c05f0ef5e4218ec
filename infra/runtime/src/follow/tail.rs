//! Following the newest events: from the log while it brings them in time, from the store when it does not.

mod open;
mod refill;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Follower;
use super::feed::FollowError;
use super::intake::{Dropped, Intake};
use super::read::StoreReader;
use super::reorder::{Kept, Reorder};
use super::ring::Ring;
use crate::metric_definitions::FOLLOW_POSITION;
use crate::ports::{Arrivals, EventStore, LogReader, LogRecord};
use open::Opening;

/// Records taken from the log, confirmed or read from the store at once.
const BATCH: usize = 1_000;
/// The log is asked for at most so long before looking up whether something is overdue.
const LISTEN: Duration = Duration::from_millis(100);
/// The same while the log is behind and the store is read whenever something arrives there.
const LISTEN_BEHIND: Duration = Duration::from_millis(10);
/// A log that failed, or is behind, is opened anew after so long: its topics may have been wiped.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// So many transient errors in a row are one too many.
const ERROR_LIMIT: u32 = 5;

/// One attempt at following; it ends when the store fails.
pub(super) struct Tail<'f> {
    follower: &'f Follower,
    store: &'f dyn EventStore,
    ring: &'f Ring,
    arrivals: Arrivals,
    refill: StoreReader,
    intake: Intake,
    reorder: Reorder,
    reader: Option<Box<dyn LogReader>>,
    /// The log is being opened; it may take its time, and meanwhile the store is followed.
    opening: Option<Opening<'f>>,
    records: Vec<LogRecord>,
    /// True while the log is known to bring what is stored.
    trusted: bool,
    /// Since when the next position is due, and which one that is.
    due: Option<(u64, Instant)>,
    /// Where the ring ended a while ago: a log that brings that much is at most so far behind.
    milestone: (u64, Instant),
    /// What had arrived when the store was last read to its end.
    filled_for: u64,
    errors: u32,
    reopen_at: Instant,
    reopen_after: Duration,
    head_asked_at: Instant,
}

impl<'f> Tail<'f> {
    pub(super) fn new(follower: &'f Follower) -> Self {
        let now = Instant::now();
        Self {
            follower,
            store: &*follower.store,
            ring: &follower.ring,
            arrivals: follower.store.arrivals(),
            refill: StoreReader::new(Arc::clone(&follower.store)),
            intake: Intake::new(),
            reorder: Reorder::default(),
            reader: None,
            opening: None,
            records: Vec::new(),
            trusted: true,
            due: None,
            milestone: (0, now),
            filled_for: 0,
            errors: 0,
            reopen_at: now,
            reopen_after: REOPEN_AFTER,
            head_asked_at: now,
        }
    }

    /// Follows until the store fails; says how.
    pub(super) async fn follow(&mut self) -> FollowError {
        match self.attempt().await {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    async fn attempt(&mut self) -> Result<std::convert::Infallible, FollowError> {
        // Feeds can begin at once; the log is opened meanwhile.
        self.fill().await?;
        loop {
            if self.reader.is_some() {
                self.listen().await?;
            } else {
                self.watch_store().await?;
            }
            metrics::gauge!(FOLLOW_POSITION).set(self.last() as f64);
        }
    }

    /// Takes what the log brings; reads the store where the log is late.
    async fn listen(&mut self) -> Result<(), FollowError> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let wait = if self.trusted { LISTEN } else { LISTEN_BEHIND };
        match reader.next(&mut self.records, BATCH, wait).await {
            Ok(()) => self.errors = 0,
            Err(error) => {
                self.errors += 1;
                if !error.transient || self.errors > ERROR_LIMIT {
                    self.without_log(error.to_string());
                    return Ok(());
                }
                tokio::time::sleep(LISTEN_BEHIND).await;
            }
        }
        self.take_in();
        self.release().await?;
        self.mind_what_is_due().await
    }

    fn take_in(&mut self) {
        let source = self.store.source();
        let last = self.last();
        for record in std::mem::take(&mut self.records) {
            let Some(event) = self.intake.read(&record, &source) else {
                continue;
            };
            if event.position <= last {
                // Known already. If it is one of the newest, the log has caught up.
                let recent = event.position >= self.milestone.0;
                if recent && self.ring.event_id(event.position) == Some(event.event_id) {
                    self.trust();
                }
                continue;
            }
            match self.reorder.insert(last, event) {
                Kept::Held | Kept::Duplicate => {}
                Kept::Contradiction => {
                    self.intake
                        .drop(Dropped::Contradiction, &record.at, record.offset);
                }
                Kept::TooFar => self.intake.drop(Dropped::TooFar, &record.at, record.offset),
            }
        }
    }

    /// Hands out what follows without a gap, once the store says that it holds those very events.
    async fn release(&mut self) -> Result<(), FollowError> {
        loop {
            let last = self.last();
            let mut run = self.reorder.run(last, BATCH);
            let Some(until) = run.last().map(|event| event.position) else {
                if self.reorder.is_doubtful(last) {
                    return self.fill().await;
                }
                return Ok(());
            };
            let stored = self.store.identities(last, until).await?;
            self.same_history()?;
            let confirmed = run
                .iter()
                .zip(&stored)
                .take_while(|(event, stored)| {
                    event.position == stored.position
                        && event.event_id == stored.event_id
                        && *event.aggregate == *stored.stream.aggregate
                        && *event.id == *stored.stream.id
                })
                .count();
            let whole = confirmed == run.len();
            run.truncate(confirmed);
            if !run.is_empty() {
                self.ring.push(run);
                self.reorder.drop_through(self.last());
                self.trust();
            }
            if !whole {
                // The rest was forged: the position holds another event, or none. What was held came before the store
                // was asked, so whatever of it is not stored now never was.
                self.intake.disown(Dropped::NotStored, 1);
                self.reorder.drop_through(last + confirmed as u64 + 1);
                return self.fill().await;
            }
        }
    }

    /// The newest position that was handed out.
    fn last(&self) -> u64 {
        self.ring.last().unwrap_or(0)
    }
}
