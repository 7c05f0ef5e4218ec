//! The thread of a group member: it polls whatever happens, so that the group never takes it for dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jangbu_runtime::ports::{LogError, LogRecord, SubscriberEvent, TopicPartition};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::{mpsc, oneshot};

use super::Order;
use super::context::{Change, MemberContext};
use super::lanes::Lanes;
use crate::KafkaOptions;
use crate::asker::Asker;
use crate::error::log_error;
use crate::record::{self, Names};
use crate::settings;

/// How long a poll may keep an order waiting.
const POLL: Duration = Duration::from_millis(20);
/// Records handed over at once.
const BATCH: usize = 500;
/// After that revoked partitions go, whether their owner is done or not; well inside `max.poll.interval.ms`.
const RELEASE_WITHIN: Duration = Duration::from_secs(20);

/// With so much handed over and not taken, reading pauses. Pausing throws away what librdkafka has fetched ahead, so it
/// must be rare: high and low lie apart.
const HIGH: (usize, usize) = (10_000, 32 * 1024 * 1024);
/// With so little left, it goes on.
const LOW: (usize, usize) = (2_000, 8 * 1024 * 1024);

/// Records and bytes that were handed over and not taken yet.
#[derive(Default)]
pub(super) struct Load {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    fn handed(&self, records: &[LogRecord]) {
        self.records.fetch_add(records.len(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes(records), Ordering::Relaxed);
    }

    pub(super) fn taken(&self, records: &[LogRecord]) {
        self.records.fetch_sub(records.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(bytes(records), Ordering::Relaxed);
    }

    fn is_above(&self, (records, bytes): (usize, usize)) -> bool {
        self.records.load(Ordering::Relaxed) > records || self.bytes.load(Ordering::Relaxed) > bytes
    }
}

fn bytes(records: &[LogRecord]) -> usize {
    records
        .iter()
        .map(|record| record.value.as_ref().map_or(0, bytes::Bytes::len))
        .sum()
}

/// Everything the thread has.
pub(super) struct Member {
    consumer: BaseConsumer<MemberContext>,
    asker: Arc<Asker>,
    told: mpsc::UnboundedSender<Result<SubscriberEvent, LogError>>,
    load: Arc<Load>,
    lanes: Lanes,
    names: Names,
    held_up: bool,
}

impl Member {
    pub(super) fn join(
        options: &KafkaOptions,
        asker: Arc<Asker>,
        group: &str,
        topics: &[String],
        told: mpsc::UnboundedSender<Result<SubscriberEvent, LogError>>,
        load: Arc<Load>,
    ) -> Result<Self, LogError> {
        let asked = || format!("join group {group}");
        let consumer: BaseConsumer<MemberContext> = settings::member(options, group)
            .create_with_context(MemberContext::default())
            .map_err(|error| log_error(asked(), &error))?;
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| log_error(asked(), &error))?;
        Ok(Self {
            consumer,
            asker,
            told,
            load,
            lanes: Lanes::default(),
            names: Names::default(),
            held_up: false,
        })
    }

    /// Until it is told to leave, or its owner is gone.
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while !self.told.is_closed() {
            match orders.try_recv() {
                Ok(order) => {
                    if let Some(left) = self.carry_out(order) {
                        return self.leave(Some(left));
                    }
                }
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) => self.work(),
            }
        }
        self.leave(None);
    }

    fn work(&mut self) {
        self.poll();
        self.take_changes();
        self.let_overdue_go();
        self.mind_the_load();
    }

    /// Hands over what is there, and the ends that were met.
    fn poll(&mut self) {
        let mut records = Vec::new();
        let mut ends = Vec::new();
        let mut failure = None;
        let mut wait = POLL;
        while records.len() < BATCH {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let record = record::copy(&message, self.names.get(message.topic()));
                    if self.lanes.takes(&record) {
                        records.push(record);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(number))) => ends.push(number),
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                None => break,
            }
            wait = Duration::ZERO;
        }
        if !records.is_empty() {
            self.load.handed(&records);
            self.tell(Ok(SubscriberEvent::Records(records)));
        }
        if !ends.is_empty() {
            self.tell_ends(&ends);
        }
        if let Some(error) = failure.filter(|error| !heals_by_itself(error)) {
            self.tell(Err(log_error("hear its group", &error)));
        }
    }

    fn tell(&self, event: Result<SubscriberEvent, LogError>) {
        // Whether the owner is gone is seen at the next turn of the loop.
        let _ = self.told.send(event);
    }

    /// rdkafka names the partition that ended but not its topic. One that has moved since is the one; of several, the log
    /// is asked which stand at their end.
    fn tell_ends(&mut self, numbers: &[i32]) {
        if let Ok(positions) = self.consumer.position() {
            for element in positions.elements() {
                if let Offset::Offset(offset) = element.offset() {
                    let topic = self.names.get(element.topic());
                    self.lanes.came(
                        &TopicPartition {
                            topic,
                            partition: element.partition(),
                        },
                        offset,
                    );
                }
            }
        }
        let mut candidates = self.lanes.may_have_ended(numbers);
        if candidates.len() > 1 {
            candidates = self.stand_at_their_end(candidates);
        }
        for (at, offset) in candidates {
            self.lanes.ended(&at, offset);
            self.tell(Ok(SubscriberEvent::End(at, offset)));
        }
    }

    fn stand_at_their_end(
        &self,
        candidates: Vec<(TopicPartition, i64)>,
    ) -> Vec<(TopicPartition, i64)> {
        let places: Vec<_> = candidates.iter().map(|(at, _)| at.clone()).collect();
        match self.asker.edges_now(&places) {
            Ok(edges) => candidates
                .into_iter()
                .zip(edges)
                .filter(|((_, offset), edges)| *offset >= edges.high)
                .map(|(candidate, _)| candidate)
                .collect(),
            Err(error) => {
                // They are candidates still, at the next end.
                tracing::debug!("ends of partitions could not be told: {error}");
                Vec::new()
            }
        }
    }

    fn take_changes(&mut self) {
        for change in self.consumer.context().changes() {
            let event = match change {
                Change::Assigned(partitions) => {
                    self.lanes.gain(&partitions);
                    SubscriberEvent::Assigned(partitions)
                }
                Change::Revoked(partitions) => {
                    self.lanes
                        .leave(&partitions, Instant::now() + RELEASE_WITHIN);
                    SubscriberEvent::Revoked(partitions)
                }
                Change::Lost(partitions) => {
                    self.lanes.lose(&partitions);
                    SubscriberEvent::Lost(partitions)
                }
            };
            self.tell(Ok(event));
        }
    }

    fn let_overdue_go(&mut self) {
        if self.lanes.is_overdue(Instant::now()) {
            let leaving = self.lanes.leaving();
            tracing::warn!(
                "{} partitions were not released within {RELEASE_WITHIN:?} and go as they are",
                leaving.len()
            );
            self.give_back(&leaving);
        }
    }

    /// The group waits for all of what it revoked at once.
    fn give_back(&mut self, partitions: &[TopicPartition]) {
        self.lanes.lose(partitions);
        let (consumer, context) = (&self.consumer, self.consumer.context());
        context.give_back(consumer, partitions);
    }

    fn mind_the_load(&mut self) {
        let (above, below) = (self.load.is_above(HIGH), !self.load.is_above(LOW));
        if self.held_up == above || (self.held_up && !below) {
            return;
        }
        let mut list = TopicPartitionList::new();
        for at in self.lanes.running() {
            list.add_partition(&at.topic, at.partition);
        }
        let changed = if above {
            self.consumer.pause(&list)
        } else {
            self.consumer.resume(&list)
        };
        match changed {
            Ok(()) => self.held_up = above,
            Err(error) => self.tell(Err(log_error("pause or resume its partitions", &error))),
        }
    }

    /// Carries an order out; whom to tell once it has left, if it is to leave.
    fn carry_out(&mut self, order: Order) -> Option<oneshot::Sender<()>> {
        match order {
            Order::Start(at, offset, answer) => {
                let _ = answer.send(self.start(&at, offset));
            }
            Order::Pause(at, paused, answer) => {
                let _ = answer.send(self.pause(&at, paused));
            }
            Order::Release(partitions) => self.release(&partitions),
            Order::Note(offsets) => self.note(&offsets),
            Order::Leave(left) => return Some(left),
        }
        None
    }

    fn start(&mut self, at: &TopicPartition, offset: i64) -> Result<(), LogError> {
        let what = || {
            format!(
                "start topic {} partition {} from offset {offset}",
                at.topic, at.partition
            )
        };
        if !self.lanes.is_ours(at) {
            return Err(LogError {
                what: what(),
                why: "it is not ours".to_owned(),
                transient: false,
            });
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset))
            .map_err(|error| log_error(what(), &error))?;
        if self.lanes.is_started(at) {
            self.consumer
                .seek(
                    &at.topic,
                    at.partition,
                    Offset::Offset(offset),
                    settings::ANSWER_WITHIN,
                )
                .map_err(|error| log_error(what(), &error))?;
        } else {
            let (consumer, context) = (&self.consumer, self.consumer.context());
            context
                .read(consumer, at, &list)
                .map_err(|error| log_error(what(), &error))?;
        }
        if self.held_up {
            self.consumer
                .pause(&list)
                .map_err(|error| log_error(what(), &error))?;
        }
        self.lanes.start(at, offset);
        Ok(())
    }

    fn pause(&mut self, at: &TopicPartition, paused: bool) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&at.topic, at.partition);
        if self.lanes.is_started(at) {
            let changed = match (paused, self.held_up) {
                (true, _) => self.consumer.pause(&list),
                (false, true) => Ok(()),
                (false, false) => self.consumer.resume(&list),
            };
            changed.map_err(|error| {
                log_error(
                    format!("pause topic {} partition {}", at.topic, at.partition),
                    &error,
                )
            })?;
        }
        self.lanes.rest(at, paused);
        Ok(())
    }

    fn release(&mut self, partitions: &[TopicPartition]) {
        self.lanes.release(partitions);
        let leaving = self.lanes.leaving();
        if !leaving.is_empty() && self.lanes.all_released() {
            self.give_back(&leaving);
        }
    }

    fn note(&mut self, offsets: &[(TopicPartition, i64)]) {
        let mut list = TopicPartitionList::new();
        for (at, offset) in offsets.iter().filter(|(at, _)| self.lanes.is_started(at)) {
            if list
                .add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))
                .is_err()
            {
                return;
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!("the group's offsets were not noted: {error}");
        }
    }

    /// The consumer's own end gives back what it has and leaves the group.
    fn leave(mut self, left: Option<oneshot::Sender<()>>) {
        self.consumer.context().leave();
        let leaving = self.lanes.leaving();
        if !leaving.is_empty() {
            self.give_back(&leaving);
        }
        drop(self);
        if let Some(left) = left {
            let _ = left.send(());
        }
    }
}

/// A broker that is away comes back, and librdkafka finds it.
fn heals_by_itself(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::NotCoordinator
        )
    )
}
