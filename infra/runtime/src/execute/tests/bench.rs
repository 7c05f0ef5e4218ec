//! The test bench: engines on one memory database, and submissions in one line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_schemas::{Envelope, EventList};
use kernel::{Actor, Aggregate};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::shelf::{Shelf, ShelfCommand, ShelfEvent};
use crate::execute::{
    Engine, EngineOptions, Execute, Origin, Outcome, Pending, RunToken, Submission,
};
use crate::memory::store::{Fate, Faults, MemoryDatabase, MemoryStore, Operation};
use crate::ports::{EventStore, Stream, SystemClock};
use crate::system::{context, system};

/// Fates, one per operation, in order; when they run out everything works. And how many loads were asked for.
#[derive(Default)]
pub(super) struct Script(pub(super) Mutex<Vec<(Operation, Fate)>>, AtomicUsize);

impl Faults for Script {
    fn fate(&self, operation: Operation) -> Fate {
        if operation == Operation::Load {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        let mut script = self.0.lock().unwrap();
        match script.iter().position(|(of, _)| *of == operation) {
            Some(at) => script.remove(at).1,
            None => Fate::default(),
        }
    }
}

/// One process: an engine on its own connection.
pub(super) struct Process {
    pub(super) engine: Engine,
    pub(super) store: Arc<MemoryStore>,
    pub(super) script: Arc<Script>,
    pub(super) cancel: CancellationToken,
    pub(super) running: JoinHandle<()>,
}

pub(super) fn database() -> MemoryDatabase {
    MemoryDatabase::new("test", Arc::new(SystemClock))
}

pub(super) fn process(database: &MemoryDatabase) -> Process {
    process_with(
        database,
        EngineOptions {
            workers: 2,
            snapshot_every: 10,
            ..EngineOptions::default()
        },
    )
}

pub(super) fn process_with(database: &MemoryDatabase, options: EngineOptions) -> Process {
    let script = Arc::new(Script::default());
    let store = MemoryStore::connect(database, script.clone());
    let system = system("test").context(
        context("shop")
            .aggregate::<Shelf>()
            .plain_aggregate::<super::plain::Till>(()),
    );
    let cancel = CancellationToken::new();
    let (engine, running) = Engine::new(
        Arc::new(system),
        store.clone(),
        Arc::new(SystemClock),
        options,
        cancel.clone(),
    );
    Process {
        engine,
        store,
        script,
        cancel,
        running: tokio::spawn(running),
    }
}

/// A person's command with a fresh id.
pub(super) fn command(shelf: &str, command: ShelfCommand) -> Submission {
    let system = system("test").context(context("shop").aggregate::<Shelf>());
    let name = serde_variant::to_variant_name(&command).unwrap();
    let body = serde_json::to_value(&command).unwrap()[name].to_string();
    let command = system
        .kind("shelf")
        .unwrap()
        .read_command(shelf, name, body.as_bytes())
        .unwrap();
    Submission {
        stream: Stream::new("shelf", shelf),
        command,
        command_id: Uuid::now_v7(),
        actor: Actor::new("anne"),
        correlation_id: "c".to_owned(),
        causation_id: None,
        reason: None,
        traceparent: None,
        expected_version: None,
        deadline: Instant::now() + Duration::from_secs(10),
        origin: Origin::Person,
    }
}

pub(super) fn by_policy(mut submission: Submission, run: &RunToken) -> Submission {
    submission.actor = Actor::policy("test");
    submission.origin = Origin::Policy(run.clone());
    submission
}

impl Process {
    /// Queries for aggregates since the last time this was asked.
    pub(super) fn loads(&self) -> usize {
        self.script.1.swap(0, Ordering::Relaxed)
    }

    pub(super) fn submit(&self, submission: Submission) -> Pending {
        self.engine.submit(submission)
    }

    pub(super) async fn ask(&self, shelf: &str, asked: ShelfCommand) -> Outcome {
        self.engine.submit(command(shelf, asked)).await
    }

    pub(super) async fn events(&self) -> Vec<Envelope> {
        self.store.read(0, usize::MAX).await.unwrap()
    }

    /// The shelves as the stored events make them; a shelf that gives more than it has panics here.
    pub(super) async fn shelves(&self) -> BTreeMap<String, Shelf> {
        let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
        for event in self
            .events()
            .await
            .iter()
            .filter(|event| *event.aggregate == *"shelf")
        {
            let said =
                ShelfEvent::from_payload(&event.name, &event.version, &event.payload).unwrap();
            shelves.entry(event.id.clone()).or_default().apply(&said);
        }
        shelves
    }
}
