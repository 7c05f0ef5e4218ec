//! The thread of a group member: it polls whatever happens, so that the group never takes it for dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jangbu_runtime::ports::{LogError, SubscriberEvent, TopicPartition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use tokio::sync::{mpsc, oneshot};

use super::Order;
use super::context::{Change, MemberContext};
use super::lanes::Lanes;
use super::load::{HIGH, LOW, Load};
use crate::KafkaOptions;
use crate::error::log_error;
use crate::record::{self, Names};
use crate::settings;

/// How long a poll may keep an order waiting; nothing else can wake it.
const POLL: Duration = Duration::from_millis(50);
/// And where one was just carried out: they come in rows, one for each partition that was gained.
const ATTENTIVE_POLL: Duration = Duration::from_millis(1);
const ATTENTIVE_FOR: Duration = Duration::from_millis(100);
/// Records handed over at once.
const BATCH: usize = 500;
/// After that revoked partitions go, whether their owner is done or not; well inside `max.poll.interval.ms`.
const RELEASE_WITHIN: Duration = Duration::from_secs(20);

/// Everything the thread has.
pub(super) struct Member {
    pub(super) consumer: BaseConsumer<MemberContext>,
    told: mpsc::UnboundedSender<Result<SubscriberEvent, LogError>>,
    load: Arc<Load>,
    pub(super) lanes: Lanes,
    pub(super) names: Names,
    attentive_until: Instant,
    /// So much is handed over that all partitions are paused.
    pub(super) held_up: bool,
}

impl Member {
    pub(super) fn join(
        options: &KafkaOptions,
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
            told,
            load,
            lanes: Lanes::default(),
            names: Names::default(),
            attentive_until: Instant::now(),
            held_up: false,
        })
    }

    /// Until it is told to leave, or its owner is gone.
    pub(super) fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while !self.told.is_closed() {
            match orders.try_recv() {
                Ok(order) => {
                    self.attentive_until = Instant::now() + ATTENTIVE_FOR;
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
        let mut wait = if Instant::now() < self.attentive_until {
            ATTENTIVE_POLL
        } else {
            POLL
        };
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

    pub(super) fn tell(&self, event: Result<SubscriberEvent, LogError>) {
        // Whether the owner is gone is seen at the next turn of the loop.
        let _ = self.told.send(event);
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
    pub(super) fn give_back(&mut self, partitions: &[TopicPartition]) {
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
