//! A store, a log and a ledger in memory, a relay done by hand, and members that join, leave and crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use event_schemas::cloud_event::Headers;
use event_schemas::{Envelope, EventList, Metadata};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bell::{BellEvent, HUSH, SOUND};
use super::hands::Hands;
use crate::memory::log::MemoryLog;
use crate::memory::progress::MemoryProgress;
use crate::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use crate::partition::partition_of;
use crate::ports::{
    Clock, Entry, EventStore, Leadership, Log, LogRecord, Mark, NewEvent, Parked, Progress,
    RelayCheckpoint, RelayLedger, StoreError, Stream, TopicPartition, TopicSpec,
};
use crate::react::{Dependencies, ReactOptions, Reactor};
use crate::system::ContextDefinition;

pub(super) const TOPIC: &str = "jangbu.bell";
pub(super) const PARTITIONS: u32 = 4;
pub(super) const CONTEXT: &str = "tower";

pub(super) struct Bench {
    pub(super) database: MemoryDatabase,
    pub(super) store: Arc<MemoryStore>,
    pub(super) log: MemoryLog,
    pub(super) progress: MemoryProgress,
    pub(super) hands: Hands,
    pub(super) ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    sequences: Mutex<BTreeMap<String, u64>>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Steady::default());
        let database = MemoryDatabase::new("mall", Arc::clone(&clock));
        let store = MemoryStore::connect(&database, Arc::new(NoFaults));
        let log = MemoryLog::new();
        let topic = TopicSpec {
            name: TOPIC.to_owned(),
            partitions: PARTITIONS,
        };
        log.create(&[topic]).await.unwrap();
        let bench = Self {
            database,
            store,
            log,
            progress: MemoryProgress::new(),
            hands: Hands::new(),
            ledger: Arc::default(),
            clock,
            sequences: Mutex::default(),
        };
        bench.registers(&[SOUND, HUSH]).await;
        bench
    }

    /// Policies that were there before the first bell was rung.
    pub(super) async fn registers(&self, policies: &[&str]) {
        let from_zero: Vec<_> = policies
            .iter()
            .map(|policy| ((*policy).to_owned(), 0))
            .collect();
        self.progress.register(CONTEXT, &from_zero).await.unwrap();
    }

    /// A member of the group, with what every test asks of it.
    pub(super) fn join(&self, context: ContextDefinition) -> Member {
        self.join_with(context, ReactOptions::default())
    }

    pub(super) fn join_with(&self, context: ContextDefinition, options: ReactOptions) -> Member {
        Member::of(Reactor::new(&context, self.dependencies(), options))
    }

    pub(super) fn dependencies(&self) -> Dependencies {
        Dependencies {
            log: Arc::new(self.log.clone()),
            progress: Arc::new(self.progress.clone()),
            store: Arc::clone(&self.store) as _,
            ledger: Arc::clone(&self.ledger) as _,
            execute: Arc::new(self.hands.clone()),
            clock: Arc::clone(&self.clock),
        }
    }

    /// A bell says something, and the relay carries it.
    pub(super) async fn says(&self, bell: &str, event: impl Into<BellEvent>) -> Envelope {
        let told = self.stores(bell, event).await;
        self.relays(&told);
        told
    }

    /// A bell says something, and the relay has not carried it.
    pub(super) async fn stores(&self, bell: &str, event: impl Into<BellEvent>) -> Envelope {
        let event = event.into();
        let kind = event.event_type();
        let payload = event.to_payload().unwrap();
        self.stores_raw(bell, kind.name, &kind.version.to_string(), payload)
            .await
    }

    /// Something stands in the store that this binary may not know.
    pub(super) async fn stores_raw(
        &self,
        bell: &str,
        name: &str,
        version: &str,
        payload: Vec<u8>,
    ) -> Envelope {
        let sequence = {
            let mut sequences = self
                .sequences
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let sequence = sequences.entry(bell.to_owned()).or_default();
            *sequence += 1;
            *sequence
        };
        let metadata = Metadata {
            actor: "anne".to_owned(),
            correlation_id: format!("of {bell} {sequence}"),
            traceparent: Some(format!("00-{:032x}-{:016x}-01", sequence, sequence)),
            ..Metadata::default()
        };
        let stream = Stream::new("bell", bell);
        let entry = Entry {
            command_id: self.clock.event_id(),
            stream: stream.clone(),
            version: sequence - 1,
            expected_version: None,
            events: vec![NewEvent {
                stream,
                sequence,
                name: name.to_owned().into(),
                version: version.to_owned().into(),
                payload: payload.into(),
                metadata: serde_json::to_vec(&metadata).unwrap().into(),
                event_id: self.clock.event_id(),
                ordinal: 0,
                leaf: [0; 32],
            }],
            version_known: false,
        };
        let mut appender = self.store.appender().await.unwrap();
        let appended = appender.append(&[entry]).await.unwrap();
        let crate::ports::FastOutcome::Appended(appended) = appended else {
            panic!("a bell is rung by one hand");
        };
        self.store.announce(appended.first);
        let told = self.store.read(appended.first - 1, 1).await.unwrap();
        told.into_iter().next().unwrap()
    }

    /// A bell's events after this one were restored away.
    pub(super) fn forget_after(&self, bell: &str, sequence: u64) {
        let mut sequences = self
            .sequences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sequences.insert(bell.to_owned(), sequence);
    }

    /// The relay carries an event: record and checkpoint.
    pub(super) fn relays(&self, told: &Envelope) {
        let at = place_of(&told.id);
        let previous = self.ledger.previous(&at);
        self.put(told, previous);
        let offset = self.end(&at);
        self.ledger.carried(&at, told.position, offset);
    }

    /// The relay carried an event, and the log lost its record.
    pub(super) fn loses(&self, told: &Envelope) {
        let at = place_of(&told.id);
        self.ledger.carried(&at, told.position, self.end(&at));
    }

    /// A record of an event, as the relay would write it.
    pub(super) fn put(&self, told: &Envelope, previous: u64) {
        self.put_as(told, previous, &self.store.source());
    }

    pub(super) fn put_as(&self, told: &Envelope, previous: u64, source: &event_schemas::Source) {
        let mut headers = Headers::new();
        let headers = headers.write(told, source, previous);
        self.log.put_again(&LogRecord {
            at: place_of(&told.id),
            offset: 0,
            key: Some(Bytes::copy_from_slice(told.id.as_bytes())),
            value: Some(told.payload.clone()),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        (*name).to_owned(),
                        Some(Bytes::copy_from_slice(value.as_bytes())),
                    )
                })
                .collect(),
        });
    }

    /// The offset after the last record that is there.
    pub(super) fn end(&self, at: &TopicPartition) -> i64 {
        self.log
            .records(at)
            .last()
            .map_or(0, |record| record.offset + 1)
    }

    pub(super) async fn parked(&self) -> Vec<Parked> {
        self.progress.parked(CONTEXT, None, 1_000).await.unwrap()
    }

    /// The progress of a policy where a bell speaks.
    pub(super) async fn mark(&self, policy: &str, bell: &str) -> Option<u64> {
        let marks = self
            .progress
            .marks(CONTEXT, &[place_of(bell)])
            .await
            .unwrap();
        let mark = marks.into_iter().find(|mark: &Mark| mark.policy == policy);
        mark.map(|mark| mark.position)
    }

    /// Waits until the progress of a policy has come to a position.
    pub(super) async fn until_marked(&self, policy: &str, told: &Envelope) {
        eventually("progress is saved", async || {
            self.mark(policy, &told.id).await >= Some(told.position)
        })
        .await;
    }

    /// Waits until so much has taken effect.
    pub(super) async fn until_effects(&self, count: usize) {
        eventually(&format!("{count} effects are seen"), async || {
            self.hands.effects().len() >= count
        })
        .await;
    }
}

/// A process that reacts.
pub(super) struct Member {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Member {
    pub(super) fn of(reactor: Reactor) -> Self {
        let cancel = CancellationToken::new();
        let until = cancel.clone();
        let task = tokio::spawn(async move { reactor.run(until).await });
        Self { cancel, task }
    }

    /// It is asked to leave, and has left.
    pub(super) async fn leave(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }

    /// It is asked to leave.
    pub(super) fn asked_to_leave(&self) {
        self.cancel.cancel();
    }

    pub(super) fn has_left(&self) -> bool {
        self.task.is_finished()
    }

    /// It dies where it stands.
    pub(super) async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Where a bell's records stand.
pub(super) fn place_of(bell: &str) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.into(),
        partition: partition_of(bell.as_bytes(), PARTITIONS),
    }
}

/// So many bells of one partition.
pub(super) fn bells_together(count: usize) -> Vec<String> {
    (0..)
        .map(|n| format!("bell-{n}"))
        .filter(|bell| place_of(bell).partition == 1)
        .take(count)
        .collect()
}

/// Waits for a condition, in the bench's own time.
pub(super) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = Instant::now() + Duration::from_secs(600);
    while !is_so().await {
        assert!(Instant::now() < until, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// What the relay wrote down.
#[derive(Default)]
pub(super) struct Ledger(Mutex<RelayCheckpoint>);

impl Ledger {
    fn lock(&self) -> std::sync::MutexGuard<'_, RelayCheckpoint> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn previous(&self, at: &TopicPartition) -> u64 {
        self.lock()
            .partitions
            .get(at)
            .map_or(0, |mark| mark.previous)
    }

    pub(super) fn carried(&self, at: &TopicPartition, position: u64, offset: i64) {
        let mut checkpoint = self.lock();
        checkpoint.position = checkpoint.position.max(position);
        let mark = checkpoint.partitions.entry(at.clone()).or_default();
        mark.previous = position;
        mark.offset = offset;
    }
}

#[async_trait]
impl RelayLedger for Ledger {
    async fn lead(&self) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        Ok(None)
    }

    async fn checkpoint(&self) -> Result<RelayCheckpoint, StoreError> {
        Ok(self.lock().clone())
    }

    async fn stopped(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

/// A clock that stands, and ids that count.
#[derive(Default)]
struct Steady(AtomicU64);

impl Clock for Steady {
    fn now(&self) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn event_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
