//! The partitions a member has: which are read, which rest, and how far each was handed out.

use std::collections::BTreeMap;
use std::time::Instant;

use jangbu_runtime::ports::{LogRecord, TopicPartition};

/// One partition that is ours.
#[derive(Default)]
struct Lane {
    /// The next offset to hand out; none before it is started.
    next: Option<i64>,
    /// librdkafka's own position is not to be believed: after a seek it tells the old one until a record is read.
    sought: bool,
    /// Where its end was told last.
    ended: Option<i64>,
    /// Its owner wants no records for now.
    rests: bool,
    /// Until when its owner may finish.
    leaves: Option<Instant>,
    /// And that it has finished.
    released: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Lanes(BTreeMap<TopicPartition, Lane>);

impl Lanes {
    pub(super) fn gain(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.0.entry(at.clone()).or_default();
        }
    }

    pub(super) fn lose(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.0.remove(at);
        }
    }

    pub(super) fn leave(&mut self, partitions: &[TopicPartition], until: Instant) {
        for at in partitions {
            self.0.entry(at.clone()).or_default().leaves = Some(until);
        }
    }

    /// Whether the time to finish is over.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.0
            .values()
            .any(|lane| lane.leaves.is_some_and(|until| until <= now))
    }

    pub(super) fn release(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            if let Some(lane) = self.0.get_mut(at) {
                lane.released = true;
            }
        }
    }

    /// Whether the owner has finished with all that leaves.
    pub(super) fn all_released(&self) -> bool {
        self.0
            .values()
            .all(|lane| lane.leaves.is_none() || lane.released)
    }

    pub(super) fn leaving(&self) -> Vec<TopicPartition> {
        self.0
            .iter()
            .filter(|(_, lane)| lane.leaves.is_some())
            .map(|(at, _)| at.clone())
            .collect()
    }

    pub(super) fn is_ours(&self, at: &TopicPartition) -> bool {
        self.0.get(at).is_some_and(|lane| lane.leaves.is_none())
    }

    pub(super) fn is_started(&self, at: &TopicPartition) -> bool {
        self.0.get(at).is_some_and(|lane| lane.next.is_some())
    }

    pub(super) fn start(&mut self, at: &TopicPartition, offset: i64, again: bool) {
        if let Some(lane) = self.0.get_mut(at) {
            lane.next = Some(offset);
            lane.sought = again;
            lane.ended = None;
        }
    }

    pub(super) fn rest(&mut self, at: &TopicPartition, rests: bool) {
        if let Some(lane) = self.0.get_mut(at) {
            lane.rests = rests;
        }
    }

    /// Started and not resting: what is paused and resumed when too much is in hand.
    pub(super) fn running(&self) -> impl Iterator<Item = &TopicPartition> {
        self.0
            .iter()
            .filter(|(_, lane)| lane.next.is_some() && !lane.rests && lane.leaves.is_none())
            .map(|(at, _)| at)
    }

    /// Whether a record is to be handed out; if so it is counted.
    pub(super) fn takes(&mut self, record: &LogRecord) -> bool {
        match self.0.get_mut(&record.at) {
            Some(
                lane @ Lane {
                    next: Some(_),
                    leaves: None,
                    ..
                },
            ) => {
                lane.next = Some(record.offset + 1);
                lane.sought = false;
                true
            }
            _ => false,
        }
    }

    /// librdkafka came further than the records say: control records.
    pub(super) fn came(&mut self, at: &TopicPartition, offset: i64) {
        if let Some(Lane {
            next: Some(next),
            sought: false,
            ..
        }) = self.0.get_mut(at)
        {
            *next = offset.max(*next);
        }
    }

    /// Of these partition numbers, those that have moved since their end was told last, and where they stand.
    pub(super) fn may_have_ended(&self, numbers: &[i32]) -> Vec<(TopicPartition, i64)> {
        self.0
            .iter()
            .filter(|(at, lane)| {
                numbers.contains(&at.partition) && lane.leaves.is_none() && lane.next != lane.ended
            })
            .filter_map(|(at, lane)| Some((at.clone(), lane.next?)))
            .collect()
    }

    pub(super) fn ended(&mut self, at: &TopicPartition, offset: i64) {
        if let Some(lane) = self.0.get_mut(at) {
            lane.ended = Some(offset);
        }
    }
}
