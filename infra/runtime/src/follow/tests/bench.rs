//! The test bench: a store, a log with the records of its events, and followers. Everything turns on a seed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use event_schemas::cloud_event::{Headers, names};
use event_schemas::stock::StockReceived;
use event_schemas::{Envelope, EventList, Quantity, StockEvent};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::follow::{Feed, FollowOptions, FollowedTopic, Follower};
use crate::memory::log::MemoryLog;
use crate::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use crate::partition::partition_of;
use crate::ports::{
    Clock, Entry, EventStore, FastOutcome, Log, NewEvent, Stream, TopicPartition, TopicSpec,
};

pub(crate) const PARTITIONS: u32 = 3;
pub(crate) const AGGREGATES: [&str; 2] = ["stock", "till"];

/// Ids and time that only count.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Clock for Counting {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn event_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}

/// A store and its log; whoever publishes is the test.
pub(crate) struct World {
    pub(crate) clock: Arc<Counting>,
    pub(crate) database: MemoryDatabase,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) log: MemoryLog,
    versions: Mutex<BTreeMap<Stream, u64>>,
    previous: Mutex<BTreeMap<TopicPartition, u64>>,
}

pub(crate) struct Running {
    pub(crate) follower: Arc<Follower>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(Counting::default());
        let database = MemoryDatabase::new("mall", clock.clone());
        let log = MemoryLog::new();
        let topics = topics().into_iter().map(|followed| TopicSpec {
            name: followed.topic,
            partitions: PARTITIONS,
        });
        log.create(&topics.collect::<Vec<_>>()).await.unwrap();
        Self {
            store: MemoryStore::connect(&database, Arc::new(NoFaults)),
            clock,
            database,
            log,
            versions: Mutex::default(),
            previous: Mutex::default(),
        }
    }

    /// Somebody receives so many pieces of a SKU.
    pub(crate) async fn receive(&self, sku: &str, pieces: u64) -> u64 {
        let quantity = Quantity::new(pieces).unwrap();
        let event = StockEvent::from(StockReceived { quantity });
        self.append("stock", sku, "StockReceived", &event.to_payload().unwrap())
            .await
    }

    /// Something happens that the views of these tests do not hear.
    pub(crate) async fn ring(&self, till: &str) -> u64 {
        self.append("till", till, "TillRang", b"{}").await
    }

    /// Appends one event and tells its position to everybody.
    pub(crate) async fn append(
        &self,
        aggregate: &str,
        id: &str,
        name: &str,
        payload: &[u8],
    ) -> u64 {
        let position = self.append_quietly(aggregate, id, name, payload).await;
        self.store.announce(position);
        position
    }

    async fn append_quietly(&self, aggregate: &str, id: &str, name: &str, payload: &[u8]) -> u64 {
        let stream = Stream::new(aggregate, id);
        let version = self
            .versions
            .lock()
            .unwrap()
            .get(&stream)
            .copied()
            .unwrap_or(0);
        let event = NewEvent {
            stream: stream.clone(),
            sequence: version + 1,
            name: name.to_owned().into(),
            version: "1".into(),
            payload: payload.to_vec().into(),
            metadata: br#"{"actor":"anne","command":"receive"}"#.to_vec().into(),
            event_id: self.clock.event_id(),
            ordinal: 0,
            leaf: [0; 32],
        };
        let entry = Entry {
            command_id: self.clock.event_id(),
            stream: stream.clone(),
            version,
            expected_version: None,
            events: vec![event],
            version_known: false,
        };
        let mut appender = self.store.appender().await.unwrap();
        let FastOutcome::Appended(appended) = appender.append(&[entry]).await.unwrap() else {
            panic!("the bench appends what follows");
        };
        self.versions.lock().unwrap().insert(stream, version + 1);
        appended.first
    }

    /// The same, and nobody is told.
    pub(crate) async fn append_untold(&self, sku: &str) -> u64 {
        self.append_quietly("stock", sku, "StockReceived", br#"{"quantity":1}"#)
            .await
    }

    /// What was restored away is not known of aggregates any more.
    pub(crate) fn forget_versions(&self, ids: &[&str]) {
        let mut versions = self.versions.lock().unwrap();
        versions.retain(|stream, _| !ids.contains(&&*stream.id));
    }

    pub(crate) async fn events(&self) -> Vec<Envelope> {
        self.store.read(0, usize::MAX).await.unwrap()
    }

    pub(crate) async fn event(&self, position: u64) -> Envelope {
        self.store.read(position - 1, 1).await.unwrap().remove(0)
    }

    /// Where the relay would put an event.
    pub(crate) fn place(&self, event: &Envelope) -> TopicPartition {
        TopicPartition {
            topic: topic_of(&event.aggregate).into(),
            partition: partition_of(event.id.as_bytes(), PARTITIONS),
        }
    }

    /// The relay's work, for one event.
    pub(crate) async fn publish(&self, position: u64) {
        let event = self.event(position).await;
        let at = self.place(&event);
        let previous = self.previous.lock().unwrap().insert(at.clone(), position);
        let previous = previous
            .filter(|previous| *previous < position)
            .unwrap_or(0);
        self.put(&at, &event, previous, &[]);
    }

    /// Puts the record of an event somewhere, with some headers said otherwise.
    pub(crate) fn put(
        &self,
        at: &TopicPartition,
        event: &Envelope,
        previous: u64,
        said: &[(&str, &str)],
    ) {
        let mut headers = Headers::new();
        let pairs = headers.write(event, &self.store.source(), previous);
        let mut pairs = pairs.to_vec();
        for (name, value) in said {
            match pairs.iter_mut().find(|(known, _)| known == name) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
        }
        let payload = std::str::from_utf8(&event.payload).unwrap();
        self.log.put(at, Some(&event.id), Some(payload), &pairs);
    }

    /// A record in everything like the event's, but for what it says.
    pub(crate) fn forge(&self, event: &Envelope, pieces: u64, event_id: Uuid) {
        let forged = Envelope {
            payload: format!(r#"{{"quantity":{pieces}}}"#).into(),
            event_id,
            ..event.clone()
        };
        self.put(&self.place(event), &forged, event.position - 1, &[]);
    }

    pub(crate) fn forge_position(&self, event: &Envelope, position: u64) {
        let position = position.to_string();
        self.put(
            &self.place(event),
            event,
            0,
            &[(names::POSITION, &position)],
        );
    }

    pub(crate) fn follow(&self, options: FollowOptions) -> Running {
        let log: Arc<dyn Log> = Arc::new(self.log.clone());
        Running::start(self.store.clone(), Some(log), options)
    }
}

impl Running {
    pub(crate) fn start(
        store: Arc<dyn EventStore>,
        log: Option<Arc<dyn Log>>,
        options: FollowOptions,
    ) -> Self {
        let follower = Follower::new(store, log, topics(), options);
        let cancel = CancellationToken::new();
        let task = tokio::spawn({
            let (follower, cancel) = (follower.clone(), cancel.clone());
            async move { follower.run(cancel).await }
        });
        Self {
            follower,
            cancel,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

pub(crate) fn topics() -> Vec<FollowedTopic> {
    let topic = |aggregate: &str| FollowedTopic {
        aggregate: aggregate.to_owned(),
        topic: topic_of(aggregate),
    };
    AGGREGATES.into_iter().map(topic).collect()
}

pub(crate) fn topic_of(aggregate: &str) -> String {
    format!("test.{aggregate}")
}

/// So many events of a feed. The clock is paused, so the limit is only met where nothing more will ever come.
pub(crate) async fn take(feed: &mut Feed, count: usize) -> Vec<Arc<Envelope>> {
    let mut events = Vec::new();
    while events.len() < count {
        let batch = tokio::time::timeout(
            Duration::from_secs(60),
            feed.next_batch(count - events.len()),
        );
        let batch = batch
            .await
            .expect("the feed goes on")
            .expect("the store is well");
        assert!(!batch.is_empty());
        events.extend(batch);
    }
    events
}

/// What a view can see of events.
pub(crate) fn seen<'e>(
    events: impl IntoIterator<Item = &'e Envelope>,
) -> Vec<(u64, Uuid, String, String, String)> {
    let seen = |event: &Envelope| {
        let payload = String::from_utf8(event.payload.to_vec()).unwrap();
        let (name, id) = (event.name.to_string(), event.id.clone());
        (event.position, event.event_id, id, name, payload)
    };
    events.into_iter().map(seen).collect()
}
