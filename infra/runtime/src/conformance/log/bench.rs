//! What the rules need of an adapter besides the port, and small helpers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::ports::{
    Delivery, Log, LogReader, LogRecord, OutRecord, PublishError, Publisher, Subscriber,
    SubscriberEvent, TopicPartition, TopicSpec,
};

/// For what a machine under load may take.
pub(super) const WITHIN: Duration = Duration::from_secs(60);

/// A log and the hands to do things to it that the port cannot.
#[async_trait]
pub trait LogBench: Send + Sync {
    /// The log.
    fn log(&self) -> Arc<dyn Log>;
    /// A topic or group name that no other test uses.
    fn fresh_name(&self) -> String;
    /// DeleteRecords: everything before `offset` goes.
    async fn delete_before(&self, at: &TopicPartition, offset: i64);
    /// Puts a record there as any client could: without key, value, or with odd headers.
    async fn put(
        &self,
        at: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    );
    /// Leaves a control record at the end of a partition, as a transaction does, after a record of its own.
    async fn put_in_transaction(&self, at: &TopicPartition);
}

/// A fresh topic with so many partitions.
pub(super) async fn topic(bench: &dyn LogBench, partitions: u32) -> Vec<TopicPartition> {
    let name = bench.fresh_name();
    bench
        .log()
        .create(&[TopicSpec {
            name: name.clone(),
            partitions,
        }])
        .await
        .unwrap();
    let names = [name.clone()];
    until("the topic is told of", async || {
        bench.log().partitions(&names).await.unwrap() == [Some(partitions)]
    })
    .await;
    let name: Arc<str> = name.into();
    (0..i32::try_from(partitions).unwrap())
        .map(|partition| TopicPartition {
            topic: Arc::clone(&name),
            partition,
        })
        .collect()
}

pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {WITHIN:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Publishes texts and waits for all of them; their offsets.
pub(super) async fn publish(
    bench: &dyn LogBench,
    at: &TopicPartition,
    values: impl IntoIterator<Item = String>,
) -> Vec<i64> {
    let mut publisher = bench.log().publisher().await.unwrap();
    let mut count = 0;
    for value in values {
        hand_over(publisher.as_mut(), at, "key", &value, count).await;
        count += 1;
    }
    let mut told = delivered(publisher.as_mut(), count).await;
    publisher.purge().await;
    told.sort_by_key(|delivery| delivery.tag);
    told.into_iter()
        .map(|delivery| delivery.outcome.unwrap())
        .collect()
}

/// Hands one record over, with patience where the queue is full.
pub(super) async fn hand_over(
    publisher: &mut dyn Publisher,
    at: &TopicPartition,
    key: &str,
    value: &str,
    tag: usize,
) {
    let record = OutRecord {
        topic: &at.topic,
        partition: at.partition,
        key: key.as_bytes(),
        value: value.as_bytes(),
        headers: &[("one", "1"), ("two", "둘")],
    };
    while let Err(error) = publisher.publish(&record, tag) {
        assert!(matches!(error, PublishError::Full), "{error}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for so many deliveries.
pub(super) async fn delivered(publisher: &mut dyn Publisher, count: usize) -> Vec<Delivery> {
    let mut told = Vec::new();
    let deadline = Instant::now() + WITHIN;
    while told.len() < count {
        assert!(
            Instant::now() < deadline,
            "{} of {count} deliveries within {WITHIN:?}",
            told.len()
        );
        publisher
            .deliveries(&mut told, Duration::from_millis(200))
            .await;
    }
    told
}

/// Reads until `is_enough`.
pub(super) async fn read_until(
    reader: &mut dyn LogReader,
    mut is_enough: impl FnMut(&dyn LogReader, &[LogRecord]) -> bool,
) -> Vec<LogRecord> {
    let mut records = Vec::new();
    let deadline = Instant::now() + WITHIN;
    while !is_enough(reader, &records) {
        assert!(
            Instant::now() < deadline,
            "only {} records within {WITHIN:?}",
            records.len()
        );
        reader
            .next(&mut records, 1_000, Duration::from_millis(200))
            .await
            .unwrap();
    }
    records
}

pub(super) fn value(record: &LogRecord) -> &str {
    std::str::from_utf8(record.value.as_deref().unwrap_or_default()).unwrap()
}

pub(super) fn numbers(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|number| number.to_string())
}

/// A member and everything it heard.
pub(super) struct Heard {
    pub(super) member: Box<dyn Subscriber>,
    pub(super) assigned: Vec<TopicPartition>,
    pub(super) revoked: Vec<TopicPartition>,
    pub(super) records: Vec<LogRecord>,
    pub(super) ends: Vec<(TopicPartition, i64)>,
}

impl Heard {
    pub(super) async fn join(bench: &dyn LogBench, group: &str, topics: &[&str]) -> Self {
        let topics: Vec<_> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let member = bench.log().subscriber(group, &topics).await.unwrap();
        Self {
            member,
            assigned: Vec::new(),
            revoked: Vec::new(),
            records: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Hears whatever comes within `wait`.
    pub(super) async fn listen(&mut self, wait: Duration) {
        match self.member.next(wait).await.unwrap() {
            None => {}
            Some(SubscriberEvent::Assigned(partitions)) => self.assigned.extend(partitions),
            Some(SubscriberEvent::Revoked(partitions)) => self.revoked.extend(partitions),
            Some(SubscriberEvent::Lost(partitions)) => panic!("{partitions:?} were lost"),
            Some(SubscriberEvent::Records(records)) => self.records.extend(records),
            Some(SubscriberEvent::End(at, offset)) => self.ends.push((at, offset)),
        }
    }

    /// Gives back what was revoked, if anything was.
    pub(super) async fn give_back(&mut self) {
        let revoked = std::mem::take(&mut self.revoked);
        if !revoked.is_empty() {
            self.assigned.retain(|at| !revoked.contains(at));
            self.member.release(&revoked).await;
        }
    }

    pub(super) async fn start_all(&mut self, offset: i64) {
        for at in &self.assigned {
            self.member.start(at, offset).await.unwrap();
        }
    }

    pub(super) async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + WITHIN;
        while !is_so(self) {
            let (assigned, revoked) = (&self.assigned, &self.revoked);
            let (records, ends) = (self.records.len(), &self.ends);
            assert!(
                Instant::now() < deadline,
                "not within {WITHIN:?}: {what}; assigned {assigned:?}, revoked {revoked:?}, {records} records, ends {ends:?}"
            );
            self.listen(Duration::from_millis(100)).await;
        }
    }
}
