//! The polling relay: takes rows, publishes them, deletes them, commits.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sqlx::PgPool;
use uuid::Uuid;

/// Rows of one transaction.
const BATCH: i64 = 500;
/// Between two looks at an empty outbox.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a record may wait for room in the producer's queue.
const ROOM_WITHIN: Duration = Duration::from_secs(5);

type Row = (i64, Uuid, String, String, String);

/// A producer with the guarantees that ours has.
pub(super) fn producer(brokers: &str) -> Result<FutureProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", "0.5")
        .create()?)
}

/// Until its task is ended.
pub(super) async fn run(pool: PgPool, producer: FutureProducer) -> Result<()> {
    loop {
        let mut transaction = pool.begin().await?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, event_id, topic, key, payload FROM outbox ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
        )
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
        if rows.is_empty() {
            transaction.rollback().await?;
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let sent = rows.iter().map(|row| send(&producer, row));
        let sent: Vec<i64> = try_join_all(sent).await?;
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)")
            .bind(sent)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
}

async fn send(producer: &FutureProducer, row: &Row) -> Result<i64> {
    let (id, event_id, topic, key, payload) = row;
    let event_id = event_id.to_string();
    let headers = OwnedHeaders::new().insert(Header {
        key: "id",
        value: Some(&event_id),
    });
    let record = FutureRecord::to(topic)
        .key(key)
        .payload(payload)
        .headers(headers);
    let sent = producer.send(record, ROOM_WITHIN).await;
    sent.map_err(|(error, _)| error)?;
    Ok(*id)
}
