//! What tests do to the log behind everybody's back.

use bytes::Bytes;

use super::MemoryLog;
use super::state::Partition;
use crate::ports::{LogRecord, TopicPartition};

impl MemoryLog {
    /// All records of a partition that are still there.
    #[must_use]
    pub fn records(&self, at: &TopicPartition) -> Vec<LogRecord> {
        let state = self.state();
        let partition = state.partition(at);
        partition
            .map(|partition| {
                partition
                    .from(0)
                    .filter_map(|(_, record)| record.clone())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// All partitions of all topics.
    #[must_use]
    pub fn places(&self) -> Vec<TopicPartition> {
        let state = self.state();
        let places = state.topics.iter().flat_map(|(topic, partitions)| {
            let partitions = 0..i32::try_from(partitions.len()).expect("few partitions");
            partitions.map(|partition| TopicPartition {
                topic: topic.clone(),
                partition,
            })
        });
        places.collect()
    }

    /// Puts a record into a partition: somebody else's, broken, forged, or one of ours once more.
    pub fn put(
        &self,
        at: &TopicPartition,
        key: Option<&str>,
        value: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, Some(value.as_bytes())))
            .collect();
        self.put_bytes(
            at,
            key.map(str::as_bytes),
            value.map(str::as_bytes),
            &headers,
        );
    }

    /// The same, of bytes that need be no text.
    pub fn put_bytes(
        &self,
        at: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let header = |(name, value): &(&str, Option<&[u8]>)| {
            ((*name).to_owned(), value.map(Bytes::copy_from_slice))
        };
        let record = LogRecord {
            at: at.clone(),
            offset: 0,
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
            headers: headers.iter().map(header).collect(),
        };
        self.state().append(record).expect("the partition is there");
        self.changed();
    }

    /// Puts a record there again, at the end of its partition.
    pub fn put_again(&self, record: &LogRecord) {
        self.state()
            .append(record.clone())
            .expect("the partition is there");
        self.changed();
    }

    /// Puts a control record at the end of a partition, as a transaction's end leaves it.
    pub fn put_control(&self, at: &TopicPartition) {
        self.state()
            .partition_mut(at)
            .expect("the partition is there")
            .append(None);
        self.changed();
    }

    /// DeleteRecords, or retention: everything before an offset goes.
    pub fn truncate_before(&self, at: &TopicPartition, offset: i64) {
        self.state()
            .partition_mut(at)
            .expect("the partition is there")
            .truncate_before(offset);
        self.changed();
    }

    /// The topic is deleted and made again, empty.
    pub fn wipe(&self, topic: &str) {
        if let Some(partitions) = self.state().topics.get_mut(topic) {
            partitions
                .iter_mut()
                .for_each(|partition| *partition = Partition::default());
        }
        self.changed();
    }

    /// The topic is deleted.
    pub fn delete(&self, topic: &str) {
        let mut state = self.state();
        state.topics.remove(topic);
        state.rebalance_all();
        drop(state);
        self.changed();
    }

    /// The topic gets more partitions.
    pub fn grow(&self, topic: &str, count: usize) {
        let mut state = self.state();
        if let Some(partitions) = state.topics.get_mut(topic) {
            partitions.resize_with(count, Partition::default);
        }
        state.rebalance_all();
        drop(state);
        self.changed();
    }

    /// Whoever is a member of a group hears of some more records, not that there are no others, and then nothing any more,
    /// as a client that has lost its way: it stays a member, and no error shows it.
    pub fn deafen_members(&self) {
        let mut state = self.state();
        state.deaf_members = state.members;
    }

    /// Every reader's connection breaks once.
    pub fn break_connections(&self) {
        self.state().breaks += 1;
        self.changed();
    }

    /// Every member of a group loses what it has, and joins again.
    pub fn lose_sessions(&self, group: &str) {
        self.state()
            .with_group(group, |group, topics| group.lose_sessions(topics));
        self.changed();
    }

    /// What a group noted.
    #[must_use]
    pub fn noted(&self, group: &str, at: &TopicPartition) -> Option<i64> {
        self.state()
            .with_group(group, |group, _| group.noted.get(at).copied())
    }
}
