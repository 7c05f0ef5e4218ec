//! The partitions the relay writes to, and how far each is: what is known to stand there, and what came last.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::partition::partition_of;
use crate::ports::{PartitionMark, RelayCheckpoint, TopicPartition};

/// An event that was found in the log beyond the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) position: u64,
    /// The offset after it.
    pub(super) next: i64,
}

/// One partition.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) at: TopicPartition,
    /// What is known to be in the log: goes into the checkpoint.
    pub(super) mark: PartitionMark,
    /// Everything up to here stood in the log when the term began.
    pub(super) stood: u64,
    /// What stood beyond that, in order: as far as the one-integer rule reached.
    pub(super) tail: VecDeque<Standing>,
    /// The last event of this partition up to where the relay has read: the next one's `ce_previous`.
    pub(super) last: u64,
}

/// What is to be done with the next event of a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It must be published, with this `ce_previous`.
    Publish(u64),
    /// It stands in the log already; the offset after it, where that is known.
    Stands(Option<i64>),
    /// The log holds this position in the event's place, although the rule says that nothing lies between.
    Contradicts(u64),
}

impl Lane {
    pub(super) fn new(at: TopicPartition, mark: PartitionMark) -> Self {
        // Where the checkpoint is behind this mark (a topic is being refilled), the relay passes the events in between
        // before it publishes here, so `last` is right again by then.
        Self {
            at,
            mark,
            stood: mark.previous,
            tail: VecDeque::new(),
            last: mark.previous,
        }
    }

    /// What to do with the event at `position`, which is of this partition. To publish changes nothing yet: see
    /// [`Self::passed`].
    pub(super) fn step(&mut self, position: u64) -> Step {
        if position <= self.stood {
            return Step::Stands(None);
        }
        match self.tail.front() {
            None => Step::Publish(self.last),
            Some(first) if first.position == position => {
                let next = first.next;
                self.tail.pop_front();
                Step::Stands(Some(next))
            }
            Some(first) => Step::Contradicts(first.position),
        }
    }

    /// The relay has read past this event.
    pub(super) fn passed(&mut self, position: u64) {
        self.last = position;
    }

    /// This event is known to be in the log, and so is every earlier one of the store.
    pub(super) fn is_in(&mut self, position: u64, next: Option<i64>) {
        self.mark.previous = position.max(self.mark.previous);
        if let Some(next) = next {
            self.mark.offset = next.max(self.mark.offset);
        }
    }
}

/// The partitions of one aggregate's topic: `count` lanes from `first` on.
#[derive(Debug)]
struct Route {
    aggregate: String,
    first: usize,
    count: u32,
}

/// All partitions.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    routes: Vec<Route>,
    pub(super) lanes: Vec<Lane>,
}

impl Lanes {
    /// Adds a topic's partitions as the checkpoint knows them; one that it does not know is at its beginning.
    pub(super) fn add(
        &mut self,
        aggregate: &str,
        topic: &str,
        count: u32,
        checkpoint: &RelayCheckpoint,
    ) {
        let topic: Arc<str> = topic.into();
        self.routes.push(Route {
            aggregate: aggregate.to_owned(),
            first: self.lanes.len(),
            count,
        });
        for partition in 0..count {
            let partition = i32::try_from(partition).expect("Kafka counts partitions in 31 bits");
            let at = TopicPartition {
                topic: Arc::clone(&topic),
                partition,
            };
            let mark = checkpoint.partitions.get(&at).copied().unwrap_or_default();
            self.lanes.push(Lane::new(at, mark));
        }
    }

    /// The same partitions, standing as a checkpoint says.
    pub(super) fn as_in(&self, checkpoint: &RelayCheckpoint) -> Self {
        let mut lanes = Self::default();
        for route in &self.routes {
            let topic = &self.lanes[route.first].at.topic;
            lanes.add(&route.aggregate, topic, route.count, checkpoint);
        }
        lanes
    }

    /// The lane of an event; none where the aggregate has no topic here.
    pub(super) fn route(&self, aggregate: &str, key: &[u8]) -> Option<usize> {
        // A handful of aggregates: looking along them is faster than hashing.
        let route = self
            .routes
            .iter()
            .find(|route| route.aggregate == aggregate)?;
        let partition = usize::try_from(partition_of(key, route.count));
        Some(route.first + partition.expect("partitions are counted from 0"))
    }

    /// The lane of a partition.
    pub(super) fn find(&self, at: &TopicPartition) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.at == *at)
    }

    pub(super) fn places(&self) -> Vec<TopicPartition> {
        self.lanes.iter().map(|lane| lane.at.clone()).collect()
    }

    /// Writes the marks into a checkpoint.
    pub(super) fn write(&self, checkpoint: &mut RelayCheckpoint) {
        for lane in &self.lanes {
            match checkpoint.partitions.get_mut(&lane.at) {
                Some(mark) => *mark = lane.mark,
                None => drop(checkpoint.partitions.insert(lane.at.clone(), lane.mark)),
            }
        }
    }
}
