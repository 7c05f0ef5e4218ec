//! What the broker holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::group::Group;
use crate::ports::{Edges, LogRecord, OutRecord, TopicPartition, TopicSpec};

/// A record as it is kept; none is a control record.
pub(super) type Kept = Option<LogRecord>;

#[derive(Default)]
pub(super) struct Partition {
    low: i64,
    records: VecDeque<Kept>,
}

impl Partition {
    pub(super) fn edges(&self) -> Edges {
        Edges {
            low: self.low,
            high: self.low + i64::try_from(self.records.len()).expect("memory is smaller"),
        }
    }

    /// What is at an offset and after it.
    pub(super) fn from(&self, offset: i64) -> impl Iterator<Item = (i64, &Kept)> {
        let skipped = usize::try_from(offset - self.low).unwrap_or(0);
        (offset.max(self.low)..).zip(self.records.iter().skip(skipped))
    }

    /// An offset that is there: itself, or the first that is.
    pub(super) fn clamp(&self, offset: i64) -> i64 {
        let Edges { low, high } = self.edges();
        if (low..=high).contains(&offset) {
            offset
        } else {
            low
        }
    }

    pub(super) fn append(&mut self, record: Kept) -> i64 {
        let offset = self.edges().high;
        self.records
            .push_back(record.map(|record| LogRecord { offset, ..record }));
        offset
    }

    pub(super) fn truncate_before(&mut self, offset: i64) {
        while self.low < offset && self.records.pop_front().is_some() {
            self.low += 1;
        }
    }
}

/// Records of a dead publisher, and when they arrive.
pub(super) struct Late {
    due: Instant,
    records: Vec<LogRecord>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) topics: BTreeMap<Arc<str>, Vec<Partition>>,
    pub(super) groups: BTreeMap<String, Group>,
    late: Vec<Late>,
    /// Raised when all connections break.
    pub(super) breaks: u64,
    pub(super) members: u64,
    /// Members up to this number are handed nothing any more.
    pub(super) deaf_members: u64,
}

impl State {
    pub(super) fn count(&self, topic: &str) -> Option<u32> {
        self.topics
            .get(topic)
            .map(|partitions| u32::try_from(partitions.len()).expect("few partitions"))
    }

    pub(super) fn partition(&self, at: &TopicPartition) -> Option<&Partition> {
        self.topics
            .get(&at.topic)?
            .get(usize::try_from(at.partition).ok()?)
    }

    pub(super) fn partition_mut(&mut self, at: &TopicPartition) -> Option<&mut Partition> {
        self.topics
            .get_mut(&at.topic)?
            .get_mut(usize::try_from(at.partition).ok()?)
    }

    pub(super) fn create(&mut self, topics: &[TopicSpec]) {
        for topic in topics {
            let partitions = || {
                (0..topic.partitions)
                    .map(|_| Partition::default())
                    .collect()
            };
            self.topics
                .entry(topic.name.as_str().into())
                .or_insert_with(partitions);
        }
        self.rebalance_all();
    }

    /// Takes a record; its offset, unless its partition is not there.
    pub(super) fn append(&mut self, record: LogRecord) -> Option<i64> {
        let partition = self.partition_mut(&record.at.clone())?;
        Some(partition.append(Some(record)))
    }

    pub(super) fn append_late(&mut self, due: Instant, records: Vec<LogRecord>) {
        self.late.push(Late { due, records });
    }

    /// Whether anything happened.
    pub(super) fn let_time_pass(&mut self, now: Instant) -> bool {
        let mut happened = false;
        while let Some(index) = self.late.iter().position(|late| late.due <= now) {
            for record in self.late.remove(index).records {
                self.append(record);
            }
            happened = true;
        }
        let Self { groups, topics, .. } = self;
        for group in groups.values_mut() {
            happened |= group.let_overdue_go(now, topics);
        }
        happened
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let late = self.late.iter().map(|late| late.due);
        late.chain(self.groups.values().filter_map(Group::next_due))
            .min()
    }

    pub(super) fn rebalance_all(&mut self) {
        let Self { groups, topics, .. } = self;
        for group in groups.values_mut() {
            group.rebalance(topics);
        }
    }

    /// A number no member had before.
    pub(super) fn new_member(&mut self) -> u64 {
        self.members += 1;
        self.members
    }

    pub(super) fn with_group<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Group, &Topics) -> T,
    ) -> T {
        let Self { groups, topics, .. } = self;
        work(groups.entry(name.to_owned()).or_default(), topics)
    }
}

pub(super) type Topics = BTreeMap<Arc<str>, Vec<Partition>>;

/// A record on its way; its offset is the broker's to give.
pub(super) fn record_of(out: &OutRecord<'_>) -> LogRecord {
    let header = |(name, value): &(&str, &str)| {
        (
            (*name).to_owned(),
            Some(Bytes::copy_from_slice(value.as_bytes())),
        )
    };
    LogRecord {
        at: TopicPartition {
            topic: out.topic.into(),
            partition: out.partition,
        },
        offset: 0,
        key: Some(Bytes::copy_from_slice(out.key)),
        value: Some(Bytes::copy_from_slice(out.value)),
        headers: out.headers.iter().map(header).collect(),
    }
}
