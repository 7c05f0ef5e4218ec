//! A store to relay from, relays as processes, and a reader that knows only the wire.

mod read;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use event_schemas::{Envelope, Source};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::hash;
use crate::memory::leadership::MemoryLedger;
use crate::memory::log::{LogFaults, MemoryLog, NoLogFaults};
use crate::memory::store::{Faults, MemoryDatabase, MemoryStore, NoFaults};
use crate::ports::{
    Clock, Entry, EventStore, FastOutcome, Log, NewEvent, RelayCheckpoint, RelayLedger, Stream,
    TopicPartition,
};
use crate::relay::{Phase, Relay, RelayOptions, RelayStatus};

pub(super) use read::text;

pub(super) const PREFIX: &str = "test.";
pub(super) const PARTITIONS: u32 = 3;

/// Ids that rise, and a time that stands.
struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn event_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

/// One store, one log.
pub(super) struct World {
    pub(super) database: MemoryDatabase,
    pub(super) log: MemoryLog,
    pub(super) ledger: MemoryLedger,
    clock: Arc<Counting>,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Arc::new(Counting(AtomicU64::new(1)));
        let database = MemoryDatabase::new("mall", Arc::clone(&clock) as Arc<dyn Clock>);
        Self {
            log: MemoryLog::new(),
            ledger: MemoryLedger::new(&database),
            database,
            clock,
        }
    }

    /// Stores one event for each of `ids`, one command each.
    pub(super) async fn append(&self, aggregate: &str, ids: impl IntoIterator<Item = u32>) {
        // After a restore, a process that knew more would refuse.
        let store = MemoryStore::connect(&self.database, Arc::new(NoFaults));
        let mut appender = store.appender().await.unwrap();
        let mut versions: BTreeMap<u32, u64> = BTreeMap::new();
        for event in store.read(0, usize::MAX).await.unwrap() {
            if *event.aggregate == *aggregate {
                versions.insert(event.id.parse().unwrap(), event.sequence);
            }
        }
        for id in ids {
            let version = versions.entry(id).or_default();
            let entry = self.entry(aggregate, id, *version);
            *version += 1;
            assert!(matches!(
                appender.append(&[entry]).await.unwrap(),
                FastOutcome::Appended(_)
            ));
        }
        store.announce(store.head().await.unwrap().position);
    }

    fn entry(&self, aggregate: &str, id: u32, version: u64) -> Entry {
        let stream = Stream::new(aggregate, id.to_string());
        let command_id = self.clock.event_id();
        let mut event = NewEvent {
            stream: stream.clone(),
            sequence: version + 1,
            name: "Counted".into(),
            version: "1".into(),
            payload: Bytes::from(format!(r#"{{"count":{}}}"#, version + 1)),
            metadata: Bytes::from_static(br#"{"actor":"tester"}"#),
            event_id: self.clock.event_id(),
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

    pub(super) async fn stored(&self) -> Vec<Envelope> {
        MemoryStore::connect(&self.database, Arc::new(NoFaults))
            .read(0, usize::MAX)
            .await
            .unwrap()
    }

    pub(super) fn source(&self) -> Source {
        Source {
            store: "mall".to_owned(),
            incarnation: *self.database.incarnations().last().unwrap(),
        }
    }

    pub(super) fn options(&self) -> RelayOptions {
        RelayOptions {
            partitions: PARTITIONS,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ..RelayOptions::new(PREFIX, ["stock", "order"])
        }
    }

    /// A process that relays.
    pub(super) fn relay(&self) -> Process {
        self.relay_with(self.options(), Arc::new(NoFaults), Arc::new(NoLogFaults))
    }

    pub(super) fn relay_with(
        &self,
        options: RelayOptions,
        store: Arc<dyn Faults>,
        log: Arc<dyn LogFaults>,
    ) -> Process {
        let store = MemoryStore::connect(&self.database, store);
        let ledger = self.ledger.of(&store);
        let log: Arc<dyn Log> = Arc::new(self.log.with_faults(log));
        let relay = Arc::new(Relay::new(ledger, log, store, options));
        let cancel = CancellationToken::new();
        let task = tokio::spawn({
            let (relay, cancel) = (Arc::clone(&relay), cancel.clone());
            async move { relay.run(cancel).await }
        });
        Process {
            relay,
            cancel,
            task,
        }
    }

    pub(super) fn handle(&self) -> Arc<dyn RelayLedger> {
        self.ledger
            .of(&MemoryStore::connect(&self.database, Arc::new(NoFaults)))
    }

    pub(super) async fn checkpoint(&self) -> RelayCheckpoint {
        self.handle().checkpoint().await.unwrap()
    }

    /// Waits until the checkpoint stands at the store's end.
    pub(super) async fn relayed(&self) {
        let head = self.stored().await.len() as u64;
        let all = async {
            while self.checkpoint().await.position < head {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(600), all)
            .await
            .is_err()
        {
            panic!(
                "the checkpoint came to {:?} of {head}",
                self.checkpoint().await
            );
        }
    }

    pub(super) fn place(&self, aggregate: &str, partition: i32) -> TopicPartition {
        TopicPartition {
            topic: format!("{PREFIX}{aggregate}").into(),
            partition,
        }
    }

    /// A partition that holds records.
    pub(super) fn some_place(&self, aggregate: &str) -> TopicPartition {
        let topic = format!("{PREFIX}{aggregate}");
        let places = self
            .log
            .places()
            .into_iter()
            .filter(|at| *at.topic == *topic);
        places
            .max_by_key(|at| self.log.records(at).len())
            .expect("the topic is there")
    }

    pub(super) fn count(&self) -> usize {
        self.log
            .places()
            .iter()
            .map(|at| self.log.records(at).len())
            .sum()
    }
}

/// A process that relays, until it is told to end or is killed.
pub(super) struct Process {
    pub(super) relay: Arc<Relay>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    pub(super) async fn end(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }

    /// kill -9.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(
            self.task.await.is_err_and(|ended| ended.is_cancelled()),
            "the process ended by itself"
        );
    }

    pub(super) async fn until(&self, wanted: impl FnMut(&RelayStatus) -> bool) -> RelayStatus {
        let mut status = self.relay.status();
        let seen = tokio::time::timeout(Duration::from_secs(600), status.wait_for(wanted)).await;
        match seen {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!(
                "the relay's status stays {:?}",
                self.relay.status().borrow()
            ),
        }
    }

    /// Why it stopped.
    pub(super) async fn stopped(&self) -> String {
        self.until(|status| status.phase == Phase::Stopped)
            .await
            .problem
            .unwrap()
    }
}
