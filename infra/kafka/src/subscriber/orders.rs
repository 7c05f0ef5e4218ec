//! What a member's owner asks of its thread.

use jangbu_runtime::ports::{LogError, TopicPartition};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::Order;
use super::member::Member;
use crate::error::log_error;
use crate::settings;

impl Member {
    /// Carries an order out; whom to tell once it has left, if it is to leave.
    pub(super) fn carry_out(&mut self, order: Order) -> Option<oneshot::Sender<()>> {
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
        let again = self.lanes.is_started(at);
        if again {
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
        self.lanes.start(at, offset, again);
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
}
