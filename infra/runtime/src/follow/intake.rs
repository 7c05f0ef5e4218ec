//! Taking records in: which of them claim to be events of this store's history, in the place where the relay puts them.

use std::collections::{BTreeMap, BTreeSet};

use event_schemas::cloud_event::{ReadError, Reader};
use event_schemas::{Envelope, Source};

use super::FollowedTopic;
use crate::metric_definitions::FOLLOW_DROPPED;
use crate::partition::partition_of;
use crate::ports::{LogRecord, TopicPartition};

/// Why a record was dropped; each kind is warned of once per start and counted always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dropped {
    /// Somebody else's.
    Alien,
    /// Bears our name and is broken.
    Malformed,
    /// Of another store, or of another incarnation of this one.
    OtherHistory,
    /// Not in the topic of its aggregate, or not in the partition of its key.
    Misplaced,
    /// Another record claims the same position.
    Contradiction,
    /// So far ahead that nothing can tell whether it will ever be due.
    TooFar,
    /// No such event is stored at that position.
    NotStored,
}

impl Dropped {
    fn label(self) -> &'static str {
        match self {
            Self::Alien => "alien",
            Self::Malformed => "malformed",
            Self::OtherHistory => "other_history",
            Self::Misplaced => "misplaced",
            Self::Contradiction => "contradiction",
            Self::TooFar => "too_far",
            Self::NotStored => "not_stored",
        }
    }
}

/// Reads records, and counts those that it drops.
pub(super) struct Intake {
    reader: Reader,
    /// Topic → its aggregate and number of partitions.
    topics: BTreeMap<String, (String, u32)>,
    warned: BTreeSet<Dropped>,
}

impl Intake {
    pub(super) fn new() -> Self {
        Self {
            reader: Reader::new(),
            topics: BTreeMap::new(),
            warned: BTreeSet::new(),
        }
    }

    /// From now on the topics have so many partitions.
    pub(super) fn expect(&mut self, topics: &[FollowedTopic], partitions: &[u32]) {
        let known = topics.iter().zip(partitions).map(|(followed, partitions)| {
            let place = (followed.aggregate.clone(), *partitions);
            (followed.topic.clone(), place)
        });
        self.topics = known.collect();
    }

    /// The event that a record claims to be, if it claims to be one of `source`.
    pub(super) fn read(&mut self, record: &LogRecord, source: &Source) -> Option<Envelope> {
        let read = self
            .reader
            .read(record.key.as_deref(), record.value.clone(), |name| {
                record.header(name)
            });
        let dropped = match read {
            Ok(received) if *received.source != *source => Dropped::OtherHistory,
            Ok(received) if !self.is_placed(record, &received.envelope) => Dropped::Misplaced,
            Ok(received) => return Some(received.envelope),
            Err(ReadError::Alien(_)) => Dropped::Alien,
            Err(ReadError::Malformed(_)) => Dropped::Malformed,
        };
        self.drop(dropped, &record.at, record.offset);
        None
    }

    /// The relay puts an event into its aggregate's topic, in the partition of its key. Anywhere else it may be read
    /// before the event's own record, and is a forgery.
    fn is_placed(&self, record: &LogRecord, event: &Envelope) -> bool {
        self.topics
            .get(&*record.at.topic)
            .is_some_and(|(aggregate, partitions)| {
                **aggregate == *event.aggregate
                    && partition_of(event.id.as_bytes(), *partitions) == record.at.partition
            })
    }

    /// Counts a record that is dropped, and says so the first time.
    pub(super) fn drop(&mut self, why: Dropped, at: &TopicPartition, offset: i64) {
        self.count(why, 1);
        if self.warned.insert(why) {
            let (topic, partition) = (&*at.topic, at.partition);
            tracing::warn!(
                reason = why.label(),
                topic,
                partition,
                offset,
                "a record in one of our topics is none of our events; later ones are only counted"
            );
        }
    }

    /// Counts records that were taken in and turned out to be no stored events.
    pub(super) fn disown(&mut self, why: Dropped, count: usize) {
        self.count(why, count);
        if count > 0 && self.warned.insert(why) {
            tracing::warn!(
                reason = why.label(),
                count,
                "records claim to be events of this store and are not stored; later ones are only counted"
            );
        }
    }

    fn count(&self, why: Dropped, count: usize) {
        metrics::counter!(FOLLOW_DROPPED, "reason" => why.label()).increment(count as u64);
    }
}
