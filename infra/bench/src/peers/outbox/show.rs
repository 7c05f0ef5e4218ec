//! The consumer: folds records into a table, a handful per transaction.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::StreamExt;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde::Deserialize;
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::topics::PARTITIONS;

/// Records of one transaction, if so many are there.
const HANDFUL: usize = 500;

#[derive(Deserialize)]
struct Received {
    quantity: i64,
}

/// Reads every partition of the topic, without waiting for a group to form.
pub(super) fn consumer(brokers: &str, topic: &str) -> Result<StreamConsumer> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", topic)
        .set("enable.auto.commit", "false")
        .create()?;
    let mut assigned = TopicPartitionList::new();
    for partition in 0..i32::try_from(PARTITIONS)? {
        assigned.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    Ok(consumer)
}

/// Until its task is ended; tells how many are visible, and which became so.
pub(super) async fn run(
    pool: PgPool,
    consumer: StreamConsumer,
    count: watch::Sender<u64>,
    told: impl Fn(&[Uuid]) + Send + Sync,
) -> Result<()> {
    let mut records = consumer.stream().ready_chunks(HANDFUL);
    while let Some(handful) = records.next().await {
        let (mut ids, mut received) = (Vec::new(), BTreeMap::new());
        for record in handful {
            let record = record?;
            let key = record.key().context("a record has a key")?;
            let sku = std::str::from_utf8(key)?.to_owned();
            let payload = record.payload().context("a record has a value")?;
            let Received { quantity } = serde_json::from_slice(payload)?;
            *received.entry(sku).or_insert(0) += quantity;
            let headers = record.headers().context("a record has headers")?;
            let id = headers.get(0).value.context("a record has an id")?;
            ids.push(Uuid::try_parse_ascii(id)?);
        }
        let (skus, quantities): (Vec<String>, Vec<i64>) = received.into_iter().unzip();
        sqlx::query(
            "INSERT INTO stock_levels AS l (sku, on_hand) SELECT * FROM unnest($1::text[], $2::bigint[])
            ON CONFLICT (sku) DO UPDATE SET on_hand = l.on_hand + excluded.on_hand",
        )
        .bind(skus)
        .bind(quantities)
        .execute(&pool)
        .await?;
        told(&ids);
        count.send_modify(|count| *count += ids.len() as u64);
    }
    Ok(())
}
