//! Publishing: read a batch, hand it over, take deliveries, move the checkpoint; one loop, no task and no await per event.

mod keep;
mod poll;

use std::time::Duration;

use event_schemas::cloud_event::Headers;
use event_schemas::{Envelope, Source};
use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::RelayOptions;
use super::halt::Halt;
use super::lanes::{Lanes, Step};
use super::status::Reporter;
use super::window::Window;
use crate::metric_definitions::{RELAY_FOUND, RELAY_PUBLISHED};
use crate::ports::{
    Arrivals, Delivery, Leadership, Log, LogError, OutRecord, PublishError, Publisher,
    RelayCheckpoint, StoreError,
};
use poll::Poll;

/// Events read at once.
const BATCH: usize = 2_000;
/// How often the checkpoint is written while it moves: so much is looked through again after a crash.
const SAVE_EVERY: Duration = Duration::from_millis(50);
/// How long what is in flight may take to arrive once the relay is told to end.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Longest sleep: nothing depends on it.
const LOOK_UP_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Stream<'s> {
    leadership: &'s mut dyn Leadership,
    publisher: Box<dyn Publisher>,
    lanes: Lanes,
    source: Source,
    options: &'s RelayOptions,
    reporter: &'s Reporter,
    arrivals: Arrivals,

    batch: std::iter::Peekable<std::vec::IntoIter<Envelope>>,
    /// The last event that was read.
    read: u64,
    poll: Poll,
    window: Window,
    /// The publisher took no more.
    is_full: bool,
    headers: Headers,
    deliveries: Vec<Delivery>,

    checkpoint: RelayCheckpoint,
    is_saved: bool,
    saved_at: Instant,
    looked_after_at: Instant,
}

impl<'s> Stream<'s> {
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, which has just made all of them"
    )]
    pub(super) fn new(
        leadership: &'s mut dyn Leadership,
        publisher: Box<dyn Publisher>,
        lanes: Lanes,
        checkpoint: RelayCheckpoint,
        source: Source,
        arrivals: Arrivals,
        options: &'s RelayOptions,
        reporter: &'s Reporter,
    ) -> Self {
        Self {
            leadership,
            publisher,
            lanes,
            source,
            options,
            reporter,
            arrivals,
            batch: Vec::new().into_iter().peekable(),
            read: checkpoint.position,
            poll: Poll::default(),
            window: Window::new(),
            is_full: false,
            headers: Headers::new(),
            deliveries: Vec::new(),
            checkpoint,
            is_saved: true,
            saved_at: Instant::now(),
            looked_after_at: Instant::now(),
        }
    }

    /// Until it is cancelled, which ends well, or something fails.
    pub(super) async fn run(
        &mut self,
        log: &dyn Log,
        cancel: &CancellationToken,
    ) -> Result<(), Halt> {
        while !cancel.is_cancelled() {
            self.publisher
                .deliveries(&mut self.deliveries, Duration::ZERO)
                .await;
            self.take_deliveries()?;
            self.save_if_due().await?;
            self.read_if_due().await?;
            self.publish()?;
            self.look_after(log).await?;
            if self.must_wait() {
                self.wait(cancel).await;
            }
        }
        self.drain().await
    }

    /// Throws away what is in flight.
    pub(super) async fn end(self) {
        self.publisher.purge().await;
    }

    fn take_deliveries(&mut self) -> Result<(), Halt> {
        let mut failure = None;
        if !self.deliveries.is_empty() {
            self.is_full = false;
        }
        for Delivery { tag, outcome } in self.deliveries.drain(..) {
            match outcome {
                Ok(offset) => self.window.delivered(tag, offset),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        self.advance()?;
        match failure.or_else(|| self.publisher.failure()) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// The checkpoint follows what is contiguous.
    fn advance(&mut self) -> Result<(), Halt> {
        while let Some((slot, next)) = self.window.pop() {
            let lane = &mut self.lanes.lanes[slot.lane];
            if let Some(next) = next.filter(|next| *next <= lane.mark.offset) {
                return Err(Halt::Log(LogError {
                    what: format!(
                        "keep topic {} partition {}",
                        lane.at.topic, lane.at.partition
                    ),
                    why: format!(
                        "it took a record at offset {}, after offset {}",
                        next - 1,
                        lane.mark.offset - 1
                    ),
                    transient: true,
                }));
            }
            lane.is_in(slot.position, next);
            self.checkpoint.position = slot.position;
            self.is_saved = false;
        }
        Ok(())
    }

    async fn read_if_due(&mut self) -> Result<(), Halt> {
        if self.batch.peek().is_some() || self.window.is_full() {
            return Ok(());
        }
        let head = *self.arrivals.borrow_and_update();
        if !self.poll.is_due(head, self.read) {
            return Ok(());
        }
        let events = self.leadership.read(self.read, BATCH).await?;
        self.poll.has_read(head, events.len(), BATCH);
        for event in &events {
            if event.position != self.read + 1 {
                return Err(Halt::Lost(StoreError::Refused {
                    what: format!(
                        "the event after position {} is said to be at {}",
                        self.read, event.position
                    ),
                    source: None,
                }));
            }
            self.read = event.position;
        }
        self.batch = events.into_iter().peekable();
        Ok(())
    }

    /// Hands over as much of the batch as there is room for.
    fn publish(&mut self) -> Result<(), Halt> {
        let (mut published, mut found) = (0, 0);
        while !self.window.is_full()
            && !self.is_full
            && let Some(event) = self.batch.peek()
        {
            let Some(index) = self.lanes.route(&event.aggregate, event.id.as_bytes()) else {
                return Err(Halt::NewAggregate(event.aggregate.to_string()));
            };
            let lane = &mut self.lanes.lanes[index];
            let (position, recorded_at) = (event.position, event.recorded_at.timestamp_micros());
            match lane.step(position) {
                Step::Publish(previous) => {
                    let headers = self.headers.write(event, &self.source, previous);
                    let record = OutRecord {
                        topic: &lane.at.topic,
                        partition: lane.at.partition,
                        key: event.id.as_bytes(),
                        value: &event.payload,
                        headers: &headers,
                    };
                    match self.publisher.publish(&record, self.window.next_tag()) {
                        Ok(()) => {
                            self.window
                                .publish(position, index, recorded_at, event.payload.len())
                        }
                        Err(PublishError::Full) => {
                            self.is_full = true;
                            break;
                        }
                        Err(PublishError::Failed(error)) => return Err(error.into()),
                    }
                    published += 1;
                }
                Step::Stands(next) => {
                    self.window.stands(position, index, recorded_at, next);
                    found += 1;
                }
                Step::Contradicts(other) => {
                    return Err(Halt::Stopped(format!(
                        "topic {} partition {} says that position {other} follows position {} there, and the store has \
                         position {position} in between: somebody forged our name. If the store's history is the one to \
                         keep, run `jangbu repair fork`; it begins a new incarnation",
                        lane.at.topic, lane.at.partition, lane.last
                    )));
                }
            }
            lane.passed(position);
            self.batch.next();
        }
        counter!(RELAY_PUBLISHED).increment(published);
        counter!(RELAY_FOUND).increment(found);
        if found > 0 {
            self.advance()?;
        }
        Ok(())
    }

    fn must_wait(&mut self) -> bool {
        let some = self.batch.peek().is_some();
        let stuck = self.window.is_full() || self.is_full;
        let due = self.poll.is_due(*self.arrivals.borrow(), self.read);
        stuck || !(some || due)
    }

    async fn wait(&mut self, cancel: &CancellationToken) {
        let wants_more = self.batch.peek().is_none() && !self.window.is_full();
        let mut until = Instant::now() + LOOK_UP_EVERY;
        if wants_more {
            until = until.min(self.poll.next(*self.arrivals.borrow(), self.read));
        }
        if !self.is_saved || !self.window.is_empty() {
            until = until.min(self.saved_at + SAVE_EVERY);
        }
        let Self {
            publisher,
            deliveries,
            arrivals,
            window,
            poll,
            ..
        } = self;
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = publisher.deliveries(deliveries, LOOK_UP_EVERY), if !window.is_empty() => {}
            changed = arrivals.changed(), if wants_more && !poll.is_deaf() => {
                if changed.is_err() {
                    poll.go_deaf();
                }
            }
            () = tokio::time::sleep_until(until) => {}
        }
        // A publisher that had no room and has nothing in flight of ours is asked again after a moment.
        self.is_full &= !self.window.is_empty();
    }

    async fn drain(&mut self) -> Result<(), Halt> {
        let deadline = Instant::now() + DRAIN_WITHIN;
        while !self.window.is_empty() && Instant::now() < deadline {
            let wait = deadline - Instant::now();
            self.publisher.deliveries(&mut self.deliveries, wait).await;
            self.take_deliveries()?;
        }
        self.save().await
    }
}
