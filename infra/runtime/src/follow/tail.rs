//! Following the newest events: from the log while it brings them in time, from the store when it does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::feed::FollowError;
use super::intake::{Dropped, Intake};
use super::read::StoreReader;
use super::reorder::{Kept, Reorder};
use super::ring::Ring;
use super::{Follower, Following};
use crate::metric_definitions::{FOLLOW_POSITION, FOLLOW_REFILLED};
use crate::ports::{Arrivals, EventStore, Log, LogError, LogReader, LogRecord, TopicPartition};

/// Records taken from the log, confirmed or read from the store at once.
const BATCH: usize = 1_000;
/// The log is asked for at most so long before looking up whether something is overdue.
const LISTEN: Duration = Duration::from_millis(100);
/// The same while the log is behind and the store is read whenever something arrives there.
const LISTEN_BEHIND: Duration = Duration::from_millis(5);
/// The store's head is asked for after so long without news, in case nobody told us of it.
const ASK_HEAD_AFTER: Duration = Duration::from_secs(2);
/// A log that failed, or is behind, is opened anew after so long: its topics may have been wiped.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
const REOPEN_AT_LAST_AFTER: Duration = Duration::from_secs(30);
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
        self.open().await?;
        loop {
            if self.reader.is_some() {
                self.listen().await?;
            } else {
                self.watch_store().await?;
            }
            metrics::gauge!(FOLLOW_POSITION).set(self.last() as f64);
        }
    }

    /// Notes where the log ends, then reads the store up to its head: whatever is stored later comes by the log.
    async fn open(&mut self) -> Result<(), FollowError> {
        self.reader = None;
        self.reorder.clear();
        self.errors = 0;
        match self.open_log().await {
            Ok(reader) => {
                self.reader = Some(reader);
                self.reopen_later();
            }
            Err(why) => self.without_log(why),
        }
        self.fill().await?;
        if self.trusted {
            self.follower.says(Following::Log);
        }
        Ok(())
    }

    async fn open_log(&mut self) -> Result<Box<dyn LogReader>, String> {
        let told = |error: LogError| error.to_string();
        let log: &dyn Log = self.follower.log.as_deref().ok_or("there is no log")?;
        let topics = &self.follower.topics;
        let names: Vec<String> = topics.iter().map(|topic| topic.topic.clone()).collect();
        let counts: Option<Vec<u32>> = log
            .partitions(&names)
            .await
            .map_err(told)?
            .into_iter()
            .collect();
        let counts = counts.ok_or("a topic is missing")?;
        let partitions = all_partitions(&names, &counts);
        let edges = log.edges(&partitions).await.map_err(told)?;
        let ends: Vec<_> = partitions
            .into_iter()
            .zip(edges)
            .map(|(at, edges)| (at, edges.high))
            .collect();
        let reader = log.reader(&ends).await.map_err(told)?;
        self.intake.expect(topics, &counts);
        Ok(reader)
    }

    fn without_log(&mut self, why: String) {
        self.reader = None;
        self.reopen_later();
        if self.follower.log.is_some() {
            tracing::warn!(
                why,
                "the log cannot be followed; the store is followed instead"
            );
        }
        self.distrust(why);
    }

    fn reopen_later(&mut self) {
        self.reopen_at = Instant::now() + self.reopen_after;
        self.reopen_after = (self.reopen_after * 2).min(REOPEN_AT_LAST_AFTER);
    }

    /// The log brought something stored.
    fn trust(&mut self) {
        self.reopen_after = REOPEN_AFTER;
        if !self.trusted {
            self.trusted = true;
            self.follower.says(Following::Log);
        }
    }

    /// The log is behind, or away: until it has caught up the store is read whenever something arrives there.
    fn distrust(&mut self, why: String) {
        self.trusted = false;
        self.milestone = (self.last(), Instant::now());
        self.follower.says(Following::Store { why });
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

    /// Reads the store when a position is overdue; at once if the log is known to be behind.
    async fn mind_what_is_due(&mut self) -> Result<(), FollowError> {
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
                return self.open().await;
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

    /// Without a log: reads the store whenever something arrives there.
    async fn watch_store(&mut self) -> Result<(), FollowError> {
        let now = Instant::now();
        if now >= self.reopen_at && self.follower.log.is_some() {
            return self.open().await;
        }
        let wake_at = match self.follower.log {
            Some(_) => self.reopen_at.min(now + ASK_HEAD_AFTER),
            None => now + ASK_HEAD_AFTER,
        };
        let told = tokio::time::timeout_at(wake_at, self.arrivals.changed()).await;
        if let Ok(Err(_)) = told {
            tokio::time::sleep_until(wake_at).await;
        }
        self.arrivals.mark_unchanged();
        self.fill().await
    }

    /// Another process's commit may have gone untold.
    async fn ask_head_sometimes(&mut self, now: Instant) -> Result<(), FollowError> {
        if now.duration_since(self.head_asked_at) < ASK_HEAD_AFTER {
            return Ok(());
        }
        self.head_asked_at = now;
        let last = self.last();
        let head = self.store.head().await?.position;
        if head > last && *self.arrivals.borrow() <= last {
            // Whoever waits for arrivals hears of it too.
            self.store.announce(head);
        }
        Ok(())
    }

    /// Reads the store up to its head. If that is far, the feeds do it themselves, each at its own pace.
    async fn fill(&mut self) -> Result<(), FollowError> {
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
    fn same_history(&self) -> Result<(), FollowError> {
        match self.ring.source() {
            Some(source) if source == self.store.source() => Ok(()),
            _ => Err(FollowError::Forked),
        }
    }

    /// The newest position that was handed out.
    fn last(&self) -> u64 {
        self.ring.last().unwrap_or(0)
    }
}

fn all_partitions(topics: &[String], counts: &[u32]) -> Vec<TopicPartition> {
    let of = |topic: &String, count: u32| {
        let topic: Arc<str> = topic.as_str().into();
        (0..count).map(move |partition| TopicPartition {
            topic: Arc::clone(&topic),
            partition: i32::try_from(partition).expect("the protocol counts partitions in i32"),
        })
    };
    topics
        .iter()
        .zip(counts)
        .flat_map(|(topic, count)| of(topic, *count))
        .collect()
}
