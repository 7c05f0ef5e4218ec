//! The relay's producer: idempotent, in order per partition, without an allocation per delivery.
//!
//! The first failure fails it whole (`enable.gapless.guarantee`, and [`Deliveries::failed`]): what came after a lost
//! record must not pass it.

mod polled;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jangbu_runtime::ports::{Delivery, LogError, OutRecord, PublishError, Publisher};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::polled::Polled;
use crate::KafkaOptions;
use crate::client;
use crate::error::log_error;
use crate::settings;
use crate::thread;

const ROLE: &str = "relay's producer";

/// Room for deliveries before the first reallocation.
const ROOM: usize = 32 * 1024;

/// What the producer's thread tells and the relay takes.
struct Deliveries {
    told: Mutex<Vec<Delivery>>,
    some: Notify,
    failed: AtomicBool,
}

impl Deliveries {
    fn told(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there were any.
    fn take(&self, into: &mut Vec<Delivery>) -> bool {
        let mut told = self.told();
        let some = !told.is_empty();
        into.append(&mut told);
        some
    }
}

struct Context(Arc<Deliveries>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::say(ROLE, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::say_error(ROLE, &error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0.failed.store(true, Ordering::Release);
            self.0.some.notify_one();
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, message)) => {
                self.0.failed.store(true, Ordering::Release);
                Err(log_error(
                    place("publish to", message.topic(), message.partition()),
                    error,
                ))
            }
        };
        self.0.told().push(Delivery { tag, outcome });
        self.0.some.notify_one();
    }
}

fn place(what: &str, topic: &str, partition: i32) -> String {
    format!("{what} topic {topic} partition {partition}")
}

/// A producer and what it told. Dropped, it ends on a thread of its own.
pub(crate) struct KafkaPublisher {
    producer: Option<Polled<Context>>,
    deliveries: Arc<Deliveries>,
}

impl KafkaPublisher {
    pub(crate) fn open(options: &KafkaOptions) -> Result<Self, LogError> {
        let deliveries = Arc::new(Deliveries {
            told: Mutex::new(Vec::with_capacity(ROOM)),
            some: Notify::new(),
            failed: AtomicBool::new(false),
        });
        let context = Context(Arc::clone(&deliveries));
        let producer = Polled::open(&settings::producer(options), context)
            .map_err(|error| log_error("open a producer", &error))?;
        Ok(Self {
            producer: Some(producer),
            deliveries,
        })
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    fn publish(&mut self, record: &OutRecord<'_>, tag: usize) -> Result<(), PublishError> {
        if let Some(failure) = self.failure() {
            return Err(PublishError::Failed(failure));
        }
        let producer = self
            .producer
            .as_ref()
            .expect("a producer is there until it is purged");
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(*value),
            });
        }
        let out = BaseRecord::with_opaque_to(record.topic, tag)
            .partition(record.partition)
            .key(record.key)
            .payload(record.value)
            .headers(headers);
        match producer.send(out) {
            Ok(()) => Ok(()),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                Err(PublishError::Full)
            }
            Err((error, _)) => {
                self.deliveries.failed.store(true, Ordering::Release);
                Err(PublishError::Failed(log_error(
                    place("publish to", record.topic, record.partition),
                    &error,
                )))
            }
        }
    }

    async fn deliveries(&mut self, into: &mut Vec<Delivery>, wait: Duration) {
        let deadline = Instant::now() + wait;
        // A permit may be left from deliveries that were taken before: hence again and again.
        while !self.deliveries.take(into) && self.failure().is_none() {
            if tokio::time::timeout_at(deadline, self.deliveries.some.notified())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    fn failure(&self) -> Option<LogError> {
        self.deliveries.failed.load(Ordering::Acquire).then(|| {
            let fatal = self
                .producer
                .as_ref()
                .and_then(|producer| producer.client().fatal_error());
            LogError {
                what: "publish further".to_owned(),
                why: fatal.map_or_else(
                    || "an earlier record was not taken".to_owned(),
                    |(code, text)| format!("{code}: {text}"),
                ),
                transient: true,
            }
        })
    }

    async fn purge(mut self: Box<Self>) {
        if let Some(producer) = self.producer.take() {
            producer.purge(PurgeConfig::default().queue().inflight());
            thread::end(ROLE, producer).await;
        }
    }
}

impl Drop for KafkaPublisher {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.purge(PurgeConfig::default().queue().inflight());
            thread::start(ROLE, move || drop(producer));
        }
    }
}
