//! Topics of a round: made, counted, taken away.

use std::time::Duration;

use anyhow::{Result, anyhow};
use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_runtime::ports::{Log, TopicPartition, TopicSpec};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

/// Partitions of a topic, as many as ours have where nothing else is said.
pub const PARTITIONS: u32 = jangbu_runtime::relay::DEFAULT_PARTITIONS;
/// How long the broker may take to carry out an order.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of the log port.
pub fn kafka(brokers: &str) -> Result<Kafka> {
    Ok(Kafka::new(KafkaOptions::at(brokers))?)
}

/// Makes topics.
pub async fn create(kafka: &Kafka, names: &[String]) -> Result<()> {
    let topics: Vec<_> = names
        .iter()
        .map(|name| TopicSpec {
            name: name.clone(),
            partitions: PARTITIONS,
        })
        .collect();
    Ok(kafka.create(&topics).await?)
}

/// Records in a topic.
pub async fn count(kafka: &Kafka, topic: &str) -> Result<u64> {
    let topic: std::sync::Arc<str> = topic.into();
    let mut all = Vec::new();
    for partition in 0..i32::try_from(PARTITIONS)? {
        all.push(TopicPartition {
            topic: std::sync::Arc::clone(&topic),
            partition,
        });
    }
    let edges = kafka.edges(&all).await?;
    let records: i64 = edges.iter().map(|edges| edges.high - edges.low).sum();
    Ok(u64::try_from(records)?)
}

/// Takes topics away; the broker frees their room after a while.
pub async fn delete(brokers: &str, names: &[String]) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .create()?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = AdminOptions::new().request_timeout(Some(LIMIT));
    for deleted in admin.delete_topics(&names, &options).await? {
        deleted.map_err(|(topic, code)| anyhow!("topic {topic} was not deleted: {code}"))?;
    }
    Ok(())
}
