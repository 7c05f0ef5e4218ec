//! A store in memory, a relay over a real log, and a reader by the rule of section 5.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_schemas::cloud_event::Reader;
use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_runtime::conformance::log::LogBench;
use jangbu_runtime::hash;
use jangbu_runtime::memory::leadership::MemoryLedger;
use jangbu_runtime::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use jangbu_runtime::ports::{
    Entry, EventStore, FastOutcome, Log, NewEvent, RelayLedger, Stream, SystemClock, TopicPartition,
};
use jangbu_runtime::relay::{Phase, Relay, RelayOptions};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::Bench;

pub const WITHIN: Duration = Duration::from_secs(120);
const PARTITIONS: u32 = 4;

/// A store in memory, and a relay over a real log.
pub struct World {
    pub prefix: String,
    pub brokers: String,
    pub log: Arc<Kafka>,
    store: Arc<MemoryStore>,
    database: MemoryDatabase,
    ledger: MemoryLedger,
}

impl World {
    pub fn new(brokers: String, prefix: String) -> Self {
        let database = MemoryDatabase::new("mall", Arc::new(SystemClock));
        Self {
            log: Arc::new(Kafka::new(KafkaOptions::at(&brokers)).expect("a client")),
            store: MemoryStore::connect(&database, Arc::new(NoFaults)),
            ledger: MemoryLedger::new(&database),
            database,
            brokers,
            prefix,
        }
    }

    pub async fn shared() -> (Self, Bench) {
        let bench = Bench::new().await;
        let brokers = jangbu_local::TestBed::get().await.brokers();
        (
            Self::new(brokers, format!("{}.", bench.fresh_name())),
            bench,
        )
    }

    /// Stores `rounds` events for each of `ids` aggregates.
    pub async fn append(&self, ids: u64, rounds: u64) {
        let mut appender = self.store.appender().await.expect("an appender");
        let after = self.store.head().await.expect("a head").position;
        let first = after / ids;
        for round in first..first + rounds {
            let entries: Vec<_> = (0..ids).map(|id| entry(id, round)).collect();
            assert!(matches!(
                appender.append(&entries).await,
                Ok(FastOutcome::Appended(_))
            ));
        }
        self.store.announce(after + ids * rounds);
    }

    pub fn options(&self) -> RelayOptions {
        RelayOptions {
            partitions: PARTITIONS,
            ..RelayOptions::new(&self.prefix, ["stock"])
        }
    }

    pub fn relay(&self) -> Process {
        let store = MemoryStore::connect(&self.database, Arc::new(NoFaults));
        let ledger = self.ledger.of(&store);
        let relay = Arc::new(Relay::new(
            ledger,
            Arc::clone(&self.log) as Arc<dyn Log>,
            store,
            self.options(),
        ));
        let cancel = CancellationToken::new();
        let running = (Arc::clone(&relay), cancel.clone());
        let task = tokio::spawn(async move { running.0.run(running.1).await });
        Process {
            relay,
            cancel,
            task,
        }
    }

    pub fn handle(&self) -> Arc<dyn RelayLedger> {
        self.ledger.of(&self.store)
    }

    pub async fn relayed(&self) {
        let head = self.store.head().await.expect("a head").position;
        let deadline = Instant::now() + WITHIN;
        loop {
            let position = self
                .handle()
                .checkpoint()
                .await
                .expect("a checkpoint")
                .position;
            if position == head {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the checkpoint came to {position} of {head}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn places(&self) -> Vec<(TopicPartition, i64)> {
        let topic: Arc<str> = format!("{}stock", self.prefix).into();
        let at = |partition| TopicPartition {
            topic: Arc::clone(&topic),
            partition,
        };
        (0..i32::try_from(PARTITIONS).expect("few"))
            .map(|partition| (at(partition), 0))
            .collect()
    }

    /// Reads by the rule of section 5: one integer per partition.
    async fn read(&self) -> Read {
        let places = self.places();
        let ends: Vec<_> = places.iter().map(|(at, _)| at.clone()).collect();
        let edges = self.log.edges(&ends).await.expect("edges");
        let mut reader = self.log.reader(&places).await.expect("a reader");
        let mut records = Vec::new();
        let deadline = Instant::now() + WITHIN;
        while ends
            .iter()
            .zip(&edges)
            .any(|(at, edges)| reader.position(at) < Some(edges.high))
        {
            assert!(
                Instant::now() < deadline,
                "{} records within {WITHIN:?}",
                records.len()
            );
            reader
                .next(&mut records, 10_000, Duration::from_millis(100))
                .await
                .expect("records");
        }
        let mut read = Read::default();
        let mut ours = Reader::new();
        let mut lasts: BTreeMap<TopicPartition, u64> = BTreeMap::new();
        for record in &records {
            let event = ours
                .read(record.key.as_deref(), record.value.clone(), |name| {
                    record.header(name)
                })
                .expect("a record of ours");
            let last = lasts.entry(record.at.clone()).or_default();
            if event.envelope.position <= *last {
                read.duplicates += 1;
                continue;
            }
            assert!(
                event.previous <= *last,
                "a loss before position {}",
                event.envelope.position
            );
            *last = event.envelope.position;
            read.events
                .insert(event.envelope.position, event.envelope.event_id);
        }
        read
    }

    /// Every stored event is there once by the rule; how often one was there again.
    pub async fn assert_complete(&self) -> usize {
        let read = self.read().await;
        let stored = self.store.read(0, usize::MAX).await.expect("events");
        let stored: BTreeMap<_, _> = stored
            .into_iter()
            .map(|event| (event.position, event.event_id))
            .collect();
        assert_eq!(read.events.len(), stored.len());
        assert_eq!(read.events, stored);
        read.duplicates
    }
}

#[derive(Default)]
struct Read {
    events: BTreeMap<u64, Uuid>,
    duplicates: usize,
}

pub struct Process {
    relay: Arc<Relay>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub async fn end(self) {
        self.cancel.cancel();
        self.task.await.expect("it ends by itself");
    }

    /// As near to kill -9 as a test can come without a process of its own: nothing is finished, nothing is saved.
    pub async fn kill(self) {
        self.task.abort();
        self.task.await.expect_err("it was killed");
    }

    pub async fn stopped(&self) -> String {
        let mut status = self.relay.status();
        let stopped = status.wait_for(|status| status.phase == Phase::Stopped);
        let status = tokio::time::timeout(WITHIN, stopped)
            .await
            .expect("it stops")
            .expect("it lives")
            .clone();
        status.problem.expect("it says why")
    }
}

fn entry(id: u64, version: u64) -> Entry {
    let stream = Stream::new("stock", format!("sku-{id}"));
    let command_id = Uuid::now_v7();
    let mut event = NewEvent {
        stream: stream.clone(),
        sequence: version + 1,
        name: "StockReceived".into(),
        version: "1".into(),
        payload: format!("{{\"quantity\":{version}}}").into(),
        metadata: "{\"actor\":\"tester\"}".into(),
        event_id: Uuid::now_v7(),
        ordinal: 0,
        leaf: [0; 32],
    };
    event.leaf = hash::leaf_of(&event, command_id);
    Entry {
        command_id,
        stream,
        version,
        expected_version: None,
        events: vec![event],
        version_known: false,
    }
}
