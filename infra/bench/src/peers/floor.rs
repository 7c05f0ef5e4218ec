//! Peer (f): the floor of "POST → visible": one commit, one round trip through Kafka, one commit; one after the other,
//! alone, with nothing around it. Nobody who stores first and publishes then can be faster.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::mpsc;

use crate::latency;
use crate::latency::histogram;

const TABLES: &str = "
CREATE TABLE stored (number bigint PRIMARY KEY, payload json NOT NULL);
CREATE TABLE shown (number bigint PRIMARY KEY, payload json NOT NULL);";
const PAYLOAD: &str = r#"{"quantity":1}"#;
/// So many go first and are not counted: connections are made, and both ends find the partition.
const FIRST: i64 = 50;
/// No record takes longer; else the floor is broken.
const LIMIT: Duration = Duration::from_secs(30);

/// Latencies of all three together, over and over for a while.
pub async fn measure(
    url: &str,
    brokers: &str,
    topic: &str,
    warm_up: Duration,
    length: Duration,
) -> Result<Histogram<u64>> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(TABLES).await?;
    let producer = producer(brokers)?;
    let mut records = consumer(brokers, topic)?;
    let (mut latencies, mut number) = (histogram()?, 0_i64);
    let mut begun: Option<Instant> = None;
    while begun.is_none_or(|begun| begun.elapsed() < warm_up + length) {
        if number == FIRST {
            begun = Some(Instant::now());
        }
        let at = Instant::now();
        number += 1;
        insert("stored", number, &mut connection).await?;
        let key = number.to_string();
        producer
            .send(
                BaseRecord::to(topic)
                    .partition(0)
                    .key(&key)
                    .payload(PAYLOAD),
            )
            .map_err(|(error, _)| error)?;
        let came = tokio::time::timeout(LIMIT, records.recv()).await?;
        let came = came.context("the consumer ended")?;
        ensure!(came == key, "record {came} came for {key}");
        insert("shown", number, &mut connection).await?;
        if begun.is_some_and(|begun| begun.elapsed() >= warm_up) {
            latency::record(&mut latencies, at.elapsed());
        }
    }
    producer.flush(LIMIT)?;
    let shown: i64 = sqlx::query_scalar("SELECT count(*) FROM shown")
        .fetch_one(&mut connection)
        .await?;
    ensure!(
        shown == number,
        "{shown} rows are shown, {number} were written"
    );
    connection.close().await?;
    Ok(latencies)
}

async fn insert(table: &str, number: i64, connection: &mut PgConnection) -> Result<()> {
    let sql = format!("INSERT INTO {table} (number, payload) VALUES ($1, $2::text::json)");
    sqlx::query(&sql)
        .bind(number)
        .bind(PAYLOAD)
        .execute(connection)
        .await?;
    Ok(())
}

fn producer(brokers: &str) -> Result<ThreadedProducer<DefaultProducerContext>> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()?)
}

/// Reads partition 0 on a thread of its own and hands the keys over; ends when nobody takes them.
fn consumer(brokers: &str, topic: &str) -> Result<mpsc::UnboundedReceiver<String>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "floor")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&assigned)?;
    let (send, take) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while !send.is_closed() {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let key = message.key().unwrap_or_default();
            if send
                .send(String::from_utf8_lossy(key).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    Ok(take)
}
