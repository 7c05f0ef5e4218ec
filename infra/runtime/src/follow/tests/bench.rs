//! The test bench: a store, what somebody appends to it, and followers. Nothing of it turns on the time of day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use event_schemas::stock::StockReceived;
use event_schemas::{Envelope, EventList, Quantity, StockEvent};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::follow::{Feed, FollowOptions, Follower, Following};
use crate::memory::store::{Faults, MemoryDatabase, MemoryStore, NoFaults};
use crate::ports::{Clock, Entry, EventStore, FastOutcome, NewEvent, Stream};

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

/// A store, and a process that appends to it.
pub(crate) struct World {
    clock: Arc<Counting>,
    pub(crate) database: MemoryDatabase,
    pub(crate) store: Arc<MemoryStore>,
    versions: Mutex<BTreeMap<Stream, u64>>,
}

pub(crate) struct Running {
    pub(crate) follower: Arc<Follower>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Counting::default());
        let database = MemoryDatabase::new("mall", clock.clone());
        Self {
            store: MemoryStore::connect(&database, Arc::new(NoFaults)),
            clock,
            database,
            versions: Mutex::default(),
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

    /// An operator accepts what a restore left; whoever appends goes on from there.
    pub(crate) async fn accept_fork(&self) {
        self.database.repair_fork();
        let left = self.events().await.into_iter().map(|event| {
            let stream = Stream::new(event.aggregate, event.id);
            (stream, event.sequence)
        });
        // Later events overwrite what earlier ones said.
        *self.versions.lock().unwrap() = left.collect();
    }

    pub(crate) async fn events(&self) -> Vec<Envelope> {
        self.store.read(0, usize::MAX).await.unwrap()
    }

    /// A follower in the process that appends.
    pub(crate) fn follow(&self, options: &FollowOptions) -> Running {
        Running::start(self.store.clone(), options)
    }

    /// A follower in a process of its own, with what goes wrong between it and the store.
    pub(crate) fn follow_elsewhere(
        &self,
        faults: Arc<dyn Faults>,
        options: &FollowOptions,
    ) -> Running {
        Running::start(MemoryStore::connect(&self.database, faults), options)
    }
}

impl Running {
    fn start(store: Arc<MemoryStore>, options: &FollowOptions) -> Self {
        let follower = Follower::new(store, options);
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

    /// Waits until the follower says so. The clock is paused: the limit is met only where it never will.
    pub(crate) async fn until(&self, wanted: impl Fn(&Following) -> bool) {
        let mut following = self.follower.following();
        let wait = following.wait_for(|now| wanted(now));
        tokio::time::timeout(Duration::from_secs(120), wait)
            .await
            .expect("it comes to that")
            .unwrap();
    }

    pub(crate) async fn until_it_follows(&self) {
        self.until(|now| *now == Following::Store).await;
    }

    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }
}

/// So many events of a feed. The clock is paused, so the limit is only met where nothing more will ever come.
pub(crate) async fn take(feed: &mut Feed, count: usize) -> Vec<Envelope> {
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
        events.extend(batch.into_iter().map(Arc::unwrap_or_clone));
    }
    events
}
