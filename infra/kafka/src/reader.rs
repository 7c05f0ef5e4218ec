//! A reader without a group: one `BaseConsumer` with its partitions assigned by hand, on one OS thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jangbu_runtime::ports::{LogError, LogReader, LogRecord, TopicPartition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::KafkaOptions;
use crate::asker::Asker;
use crate::client::Plain;
use crate::error::{gone, log_error};
use crate::record::{self, Names};
use crate::settings;
use crate::thread;

const ROLE: &str = "reader";
/// Records handed over at once.
const BATCH: usize = 1_000;
/// Batches in hand; what lies beyond waits in librdkafka's own bounded queue.
const BATCHES: usize = 4;
/// How often the thread looks whether it is still wanted.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// What the thread hands over.
struct Batch {
    records: Vec<LogRecord>,
    /// How far librdkafka came, control records included; only where it had nothing more in hand.
    positions: Vec<(TopicPartition, i64)>,
}

/// The async side of a reader.
pub(crate) struct KafkaReader {
    batches: mpsc::Receiver<Result<Batch, LogError>>,
    /// What of a batch did not fit into the caller's limit.
    rest: std::vec::IntoIter<LogRecord>,
    then: Vec<(TopicPartition, i64)>,
    positions: HashMap<TopicPartition, i64>,
    unwanted: Arc<AtomicBool>,
}

impl KafkaReader {
    pub(crate) async fn open(
        options: &KafkaOptions,
        asker: &Asker,
        from: &[(TopicPartition, i64)],
    ) -> Result<Self, LogError> {
        let places: Vec<_> = from.iter().map(|(at, _)| at.clone()).collect();
        let edges = asker.edges(&places).await?;
        let mut positions = HashMap::with_capacity(from.len());
        let mut list = TopicPartitionList::with_capacity(from.len());
        for ((at, offset), edges) in from.iter().zip(edges) {
            // Here and not left to `auto.offset.reset`, so that the position of an emptied partition is known.
            let start = if (edges.low..=edges.high).contains(offset) {
                *offset
            } else {
                edges.low
            };
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(start))
                .map_err(|error| log_error(place("read", at, start), &error))?;
            positions.insert(at.clone(), start);
        }
        let consumer: BaseConsumer<Plain> = settings::reader(options)
            .create_with_context(Plain(ROLE))
            .map_err(|error| log_error("open a reader", &error))?;
        consumer
            .assign(&list)
            .map_err(|error| log_error("assign partitions to a reader", &error))?;
        let (hand, batches) = mpsc::channel(BATCHES);
        let unwanted = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&unwanted);
        thread::start("kafka-reader", move || read(&consumer, &hand, &stop));
        Ok(Self {
            batches,
            rest: Vec::new().into_iter(),
            then: Vec::new(),
            positions,
            unwanted,
        })
    }

    fn hand_out(&mut self, into: &mut Vec<LogRecord>, limit: usize) {
        for record in self.rest.by_ref().take(limit) {
            if let Some(position) = self.positions.get_mut(&record.at) {
                *position = record.offset + 1;
            }
            into.push(record);
        }
        if self.rest.len() == 0 {
            for (at, offset) in self.then.drain(..) {
                if let Some(position) = self.positions.get_mut(&at) {
                    *position = offset.max(*position);
                }
            }
        }
    }
}

fn place(what: &str, at: &TopicPartition, offset: i64) -> String {
    format!(
        "{what} topic {} partition {} from offset {offset}",
        at.topic, at.partition
    )
}

#[async_trait]
impl LogReader for KafkaReader {
    async fn next(
        &mut self,
        into: &mut Vec<LogRecord>,
        limit: usize,
        wait: Duration,
    ) -> Result<(), LogError> {
        if self.rest.len() == 0 {
            match tokio::time::timeout_at(Instant::now() + wait, self.batches.recv()).await {
                Err(_) => return Ok(()),
                Ok(None) => return Err(gone("read")),
                Ok(Some(Err(error))) => return Err(error),
                Ok(Some(Ok(batch))) => {
                    self.rest = batch.records.into_iter();
                    self.then = batch.positions;
                }
            }
        }
        self.hand_out(into, limit);
        Ok(())
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.positions.get(at).copied()
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
    }
}

/// Runs on the reader's own thread, where the consumer is dropped as well.
fn read(
    consumer: &BaseConsumer<Plain>,
    hand: &mpsc::Sender<Result<Batch, LogError>>,
    unwanted: &AtomicBool,
) {
    let mut names = Names::default();
    while !unwanted.load(Ordering::Relaxed) && !hand.is_closed() {
        let batch = match next_batch(consumer, &mut names) {
            Ok(None) => continue,
            Ok(Some(batch)) => Ok(batch),
            Err(error) => Err(log_error("read", &error)),
        };
        if hand.blocking_send(batch).is_err() {
            return;
        }
    }
}

/// All that is there at once, up to the limit.
fn next_batch(
    consumer: &BaseConsumer<Plain>,
    names: &mut Names,
) -> Result<Option<Batch>, KafkaError> {
    let mut batch = Batch {
        records: Vec::new(),
        positions: Vec::new(),
    };
    let mut wait = LOOK_UP_EVERY;
    let mut ended = false;
    while batch.records.len() < BATCH {
        match consumer.poll(wait) {
            Some(Ok(message)) => batch
                .records
                .push(record::copy(&message, names.get(message.topic()))),
            Some(Err(KafkaError::PartitionEOF(_))) => ended = true,
            // Told as soon as what came before it is handed over: it comes again as long as it lasts.
            Some(Err(error)) if batch.records.is_empty() => return Err(error),
            Some(Err(_)) | None => break,
        }
        wait = Duration::ZERO;
    }
    if batch.records.is_empty() && !ended {
        return Ok(None);
    }
    if batch.records.len() < BATCH {
        batch.positions = positions(consumer, names)?;
    }
    Ok(Some(batch))
}

fn positions(
    consumer: &BaseConsumer<Plain>,
    names: &mut Names,
) -> Result<Vec<(TopicPartition, i64)>, KafkaError> {
    let told = consumer.position()?;
    let known = told
        .elements()
        .into_iter()
        .filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((
                TopicPartition {
                    topic: names.get(element.topic()),
                    partition: element.partition(),
                },
                offset,
            )),
            _ => None,
        });
    Ok(known.collect())
}
