//! What people do to a broker: wipe topics, empty partitions, write into topics that are not theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::wait::eventually;

const LIMIT: Duration = Duration::from_secs(30);

/// A foreign record.
#[derive(Clone, Debug, Default)]
pub struct Foreign {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: BTreeMap<String, Vec<u8>>,
}

/// Deletes a topic and makes it again, empty, with as many partitions.
///
/// # Panics
/// If the broker does not do it.
pub async fn wipe(brokers: &str, topic: &str) {
    let name = topic.to_owned();
    let count = ask(brokers, move |client| partitions(client, &name).count()).await;
    let admin = admin(brokers);
    let deleted = admin
        .delete_topics(&[topic], &AdminOptions::new())
        .await
        .expect("an answer");
    deleted
        .into_iter()
        .for_each(|deleted| drop(deleted.expect("a topic is deleted")));
    let count = i32::try_from(count).expect("a count");
    // Deletion goes on after it was answered.
    eventually("the topic is made again", LIMIT, || async {
        let new = NewTopic::new(topic, count, TopicReplication::Fixed(1))
            .set("message.timestamp.type", "LogAppendTime");
        let made = admin
            .create_topics([&new], &AdminOptions::new())
            .await
            .expect("an answer");
        made.into_iter()
            .next()
            .expect("one topic")
            .map_err(|(_, code)| code)
    })
    .await;
}

/// Deletes every record of a topic, as retention does; how many there were.
///
/// # Panics
/// If the broker does not do it.
pub async fn empty(brokers: &str, topic: &str) -> i64 {
    let ends = marks(brokers, topic).await;
    let mut offsets = TopicPartitionList::new();
    for (partition, (_, high)) in &ends {
        offsets
            .add_partition_offset(topic, *partition, Offset::Offset(*high))
            .expect("an offset");
    }
    let deleted = admin(brokers)
        .delete_records(&offsets, &AdminOptions::new())
        .await
        .expect("an answer");
    deleted
        .elements()
        .iter()
        .for_each(|partition| partition.error().expect("records are deleted"));
    ends.values().map(|(low, high)| high - low).sum()
}

/// Writes a record into a partition of a topic, whoever that belongs to.
///
/// # Panics
/// If the broker does not take it.
pub async fn smuggle(brokers: &str, topic: &str, partition: i32, foreign: Foreign) {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let sent = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .expect("a producer");
        let headers = foreign
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| {
                headers.insert(Header {
                    key: name,
                    value: Some(value),
                })
            });
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic)
            .partition(partition)
            .headers(headers);
        record.key = foreign.key.as_deref();
        record.payload = foreign.value.as_deref();
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("a record is taken");
        producer.flush(LIMIT).expect("a record is written");
    });
    sent.await.expect("writing a record does not panic");
}

/// The low and high water marks of each partition.
async fn marks(brokers: &str, topic: &str) -> BTreeMap<i32, (i64, i64)> {
    let name = topic.to_owned();
    ask(brokers, move |client| {
        let marks = |id| {
            client
                .fetch_watermarks(&name, id, LIMIT)
                .expect("water marks")
        };
        partitions(client, &name)
            .map(|id| (id, marks(id)))
            .collect()
    })
    .await
}

fn partitions(client: &BaseConsumer, topic: &str) -> impl Iterator<Item = i32> {
    let metadata = client
        .fetch_metadata(Some(topic), LIMIT)
        .expect("the broker answers");
    let count = metadata.topics()[0].partitions().len();
    0..i32::try_from(count).expect("a count")
}

async fn ask<T: Send + 'static>(
    brokers: &str,
    question: impl FnOnce(&BaseConsumer) -> T + Send + 'static,
) -> T {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let asked =
        tokio::task::spawn_blocking(move || question(&config.create().expect("a consumer")));
    asked
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()
        .expect("an admin client")
}
