//! Peer (e): one producer of rdkafka alone, on the payloads and headers that the relay sends, with the guarantees it has
//! (idempotent, all replicas) and librdkafka's own batching.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use event_schemas::cloud_event::Headers;
use event_schemas::{Envelope, Source};
use jangbu_runtime::partition::partition_of;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryFuture, FutureProducer, FutureRecord, Producer, ProducerContext,
    ThreadedProducer,
};

use crate::topics;

/// Records a producer may have on their way, about as many as our relay; more of them only take memory.
const IN_FLIGHT: usize = 20_000;
/// How long the last ones may take.
const FLUSH: Duration = Duration::from_secs(60);

/// A record that is ready to be sent.
pub struct Ready {
    key: Vec<u8>,
    partition: i32,
    value: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Ready {
    /// What the relay would send for stored events.
    #[must_use]
    pub fn of(events: &[Envelope], source: &Source) -> Vec<Self> {
        let mut headers = Headers::new();
        let mut ready = Vec::with_capacity(events.len());
        for event in events {
            let pairs = headers.write(event, source, event.position.saturating_sub(1));
            ready.push(Self {
                key: event.id.as_bytes().to_vec(),
                partition: partition_of(event.id.as_bytes(), topics::PARTITIONS),
                value: event.payload.to_vec(),
                headers: pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            });
        }
        ready
    }

    fn headers(&self) -> OwnedHeaders {
        let pairs = self.headers.iter();
        owned(pairs.map(|(name, value)| (&**name, &**value)))
    }
}

fn owned<'h>(pairs: impl Iterator<Item = (&'h str, &'h str)>) -> OwnedHeaders {
    /// As many as a record of ours has.
    const ROOM: usize = 16;
    let room = OwnedHeaders::new_with_capacity(ROOM);
    pairs.fold(room, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value),
        })
    })
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", IN_FLIGHT.to_string())
        .set("queue.buffering.max.kbytes", "262144");
    config
}

/// Counts what arrived and what did not.
#[derive(Default)]
struct Counts {
    arrived: AtomicU64,
    failed: AtomicU64,
}

struct Counting(Arc<Counts>);

impl ClientContext for Counting {}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(_) => &self.0.arrived,
            Err(_) => &self.0.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A `ThreadedProducer`, connected.
pub struct Threaded {
    producer: ThreadedProducer<Counting>,
    counts: Arc<Counts>,
}

impl Threaded {
    /// Opens one.
    pub fn open(brokers: &str) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        Ok(Self {
            producer: config(brokers).create_with_context(Counting(Arc::clone(&counts)))?,
            counts,
        })
    }

    /// Hands a record over; where the queue is full it waits. Blocks.
    pub fn send(&self, topic: &str, ready: &Ready) -> Result<()> {
        let record = BaseRecord::to(topic)
            .partition(ready.partition)
            .key(&ready.key[..])
            .payload(&ready.value[..])
            .headers(ready.headers());
        self.hand_over(record)
    }

    /// The same for an event as it is stored, with the headers of the relay.
    pub fn send_event(
        &self,
        topic: &str,
        event: &Envelope,
        source: &Source,
        headers: &mut Headers,
    ) -> Result<()> {
        let pairs = headers.write(event, source, event.position.saturating_sub(1));
        let key = event.id.as_bytes();
        let record = BaseRecord::to(topic)
            .partition(partition_of(key, topics::PARTITIONS))
            .key(key)
            .payload(&event.payload[..])
            .headers(owned(pairs.iter().copied()));
        self.hand_over(record)
    }

    fn hand_over(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }

    /// Waits until all have arrived; how many. Blocks.
    pub fn finish(&self) -> Result<u64> {
        self.producer.flush(FLUSH)?;
        let failed = self.counts.failed.load(Ordering::Relaxed);
        ensure!(failed == 0, "{failed} records did not arrive");
        Ok(self.counts.arrived.load(Ordering::Relaxed))
    }
}

/// A `FutureProducer`, connected.
pub struct Futures(FutureProducer);

impl Futures {
    /// Opens one.
    pub fn open(brokers: &str) -> Result<Self> {
        Ok(Self(config(brokers).create()?))
    }

    /// Sends so many records, beginning again where they end, and waits until all have arrived.
    pub async fn send_all(&self, topic: &str, records: &[Ready], count: u64) -> Result<u64> {
        let mut on_their_way = VecDeque::with_capacity(IN_FLIGHT);
        let mut arrived = 0;
        for (ready, _) in records.iter().cycle().zip(0..count) {
            if on_their_way.len() == IN_FLIGHT {
                arrived += heard(on_their_way.pop_front()).await?;
            }
            on_their_way.push_back(self.send(topic, ready).await?);
        }
        while !on_their_way.is_empty() {
            arrived += heard(on_their_way.pop_front()).await?;
        }
        Ok(arrived)
    }

    async fn send(&self, topic: &str, ready: &Ready) -> Result<DeliveryFuture> {
        let mut record = FutureRecord::to(topic)
            .partition(ready.partition)
            .key(&ready.key)
            .payload(&ready.value)
            .headers(ready.headers());
        loop {
            match self.0.send_result(record) {
                Ok(delivery) => return Ok(delivery),
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = back;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
}

async fn heard(delivery: Option<DeliveryFuture>) -> Result<u64> {
    let Some(delivery) = delivery else {
        return Ok(0);
    };
    match delivery.await {
        Ok(Ok(_)) => Ok(1),
        Ok(Err((error, _))) => Err(error.into()),
        Err(_) => Err(anyhow!("the producer ended with records in hand")),
    }
}
