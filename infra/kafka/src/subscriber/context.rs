//! What the group tells its member while it polls: partitions come and go.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jangbu_runtime::ports::TopicPartition;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, TopicPartitionList};

use crate::client;

const ROLE: &str = "group member";

/// A change of what is ours, in the order it came.
pub(super) enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

/// The context of a member's consumer.
#[derive(Default)]
pub(super) struct MemberContext {
    changes: Mutex<Vec<Change>>,
    /// What librdkafka reads for us: those that were started.
    reading: Mutex<BTreeSet<TopicPartition>>,
    leaving: AtomicBool,
}

impl MemberContext {
    pub(super) fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on partitions go as soon as the group takes them.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    fn reading(&self) -> MutexGuard<'_, BTreeSet<TopicPartition>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes librdkafka read a partition from the offset that stands in the list.
    pub(super) fn read(
        &self,
        consumer: &BaseConsumer<Self>,
        at: &TopicPartition,
        from: &TopicPartitionList,
    ) -> KafkaResult<()> {
        consumer.incremental_assign(from)?;
        self.reading().insert(at.clone());
        Ok(())
    }

    /// Gives partitions back, which the group waits for. Only what is read may be named, and the list may be empty.
    pub(super) fn give_back(&self, consumer: &BaseConsumer<Self>, partitions: &[TopicPartition]) {
        let mut list = TopicPartitionList::new();
        let mut reading = self.reading();
        for at in partitions.iter().filter(|at| reading.contains(*at)) {
            list.add_partition(&at.topic, at.partition);
        }
        match consumer.incremental_unassign(&list) {
            Ok(()) => reading.retain(|at| !partitions.contains(at)),
            Err(error) => tracing::error!(
                "cannot give {} partitions back to the group: {error}",
                list.count()
            ),
        }
    }
}

impl ClientContext for MemberContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::say(ROLE, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::say_error(ROLE, &error, reason);
    }
}

impl ConsumerContext for MemberContext {
    /// The group's word is answered here for what is gained and what is lost; what is revoked waits for its release,
    /// while polling goes on.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: Code, list: &mut TopicPartitionList) {
        let partitions = places(list);
        let change = match code {
            Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // Taken note of, but with nothing to read yet: each begins where it is told to ([`Self::read`]).
                if let Err(error) = consumer.incremental_assign(&TopicPartitionList::new()) {
                    tracing::error!(
                        "cannot take {} partitions from the group: {error}",
                        partitions.len()
                    );
                }
                Change::Assigned(partitions)
            }
            _ if consumer.assignment_lost() => {
                self.give_back(consumer, &partitions);
                Change::Lost(partitions)
            }
            _ if self.leaving.load(Ordering::Relaxed) => {
                self.give_back(consumer, &partitions);
                return;
            }
            _ => Change::Revoked(partitions),
        };
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!("the group's offsets were not noted: {error}");
        }
    }
}

fn places(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .into_iter()
        .map(|element| TopicPartition {
            topic: element.topic().into(),
            partition: element.partition(),
        })
        .collect()
}
