//! The test bench: views whose documents say exactly which events are in them, and processes that carry them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_schemas::{Envelope, StockEvent};
use kernel::{Projection, View, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) use crate::follow::tests::bench::World;
use crate::follow::{FollowOptions, Follower};
use crate::memory::documents::MemoryDocuments;
use crate::memory::store::{MemoryStore, NoFaults};
use crate::ports::{Documents, Query, ViewDefinition};
use crate::project::{ProjectOptions, Projector, ViewHealth, ViewState, definition_of};

/// So many pieces empty a shelf: its document is deleted.
pub(super) const EMPTIES: u64 = 13;
/// So many pieces are more than a fragile view bears.
pub(super) const TOO_MANY: u64 = 666;

/// What is on a shelf, and the position of every event that is in it: once too often or too seldom is seen.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Shelf {
    pieces: u64,
    events: Vec<u64>,
}

/// Shelves that bear everything.
pub(super) fn shelves(name: &'static str, version: u32) -> Arc<dyn Projection> {
    Arc::new(folding(name, version, |_| {}))
}

/// Shelves that break.
pub(super) fn fragile(name: &'static str) -> Arc<dyn Projection> {
    let breaks = |pieces| assert!(pieces != TOO_MANY, "the shelf broke");
    Arc::new(folding(name, 1, breaks))
}

fn folding(
    name: &'static str,
    version: u32,
    put: impl Fn(u64) + Send + Sync + 'static,
) -> View<Shelf> {
    view::<Shelf>(name, version)
        .column("pieces", |row| row.pieces)
        .on::<StockEvent, _>(
            |_, heard| [heard.id()],
            move |row, event, heard| {
                let StockEvent::StockReceived(received) = event else {
                    return;
                };
                let pieces = received.quantity.get();
                put(pieces);
                if pieces == EMPTIES {
                    row.remove();
                } else {
                    row.pieces += pieces;
                    row.events.push(heard.position());
                }
            },
        )
}

pub(super) type Shelves = BTreeMap<String, Value>;

/// Shelves are filled, and now and then emptied.
pub(super) async fn receive_some(world: &World, count: u64) {
    for number in 1..=count {
        let pieces = if number % 7 == 0 { 13 } else { number };
        world.receive(&format!("s{}", number % 5), pieces).await;
    }
}

/// What the shelves are as of a position, told without any of the code under test.
pub(super) fn expected(events: &[Envelope], position: u64) -> Shelves {
    let mut shelves: BTreeMap<String, (u64, Vec<u64>)> = BTreeMap::new();
    let until = events.iter().filter(|event| event.position <= position);
    for event in until.filter(|event| *event.aggregate == *"stock") {
        let body: Value = serde_json::from_slice(&event.payload).unwrap();
        let Some(pieces) = body["quantity"].as_u64() else {
            continue;
        };
        if pieces == EMPTIES {
            shelves.remove(&event.id);
            continue;
        }
        let shelf = shelves.entry(event.id.clone()).or_default();
        shelf.0 += pieces;
        shelf.1.push(event.position);
    }
    let document =
        |(pieces, events): (u64, Vec<u64>)| serde_json::json!({"pieces": pieces, "events": events});
    shelves
        .into_iter()
        .map(|(key, shelf)| (key, document(shelf)))
        .collect()
}

/// All of a view, and the position it is of.
pub(super) async fn whole(documents: &dyn Documents, view: &ViewDefinition) -> (u64, Shelves) {
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let read = documents.page(view, &query).await.unwrap();
    let document = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
    let rows = read.value.rows.into_iter();
    let shelves = rows.map(|row| (row.key, document(&row.document))).collect();
    (read.position, shelves)
}

/// The view is exactly the fold of the store as of its position; answers that.
pub(super) async fn is_exact(
    world: &World,
    documents: &MemoryDocuments,
    view: &dyn Projection,
) -> u64 {
    let (position, shelves) = whole(documents, &definition_of(view)).await;
    let expected = expected(&world.events().await, position);
    assert_eq!(shelves, expected, "{} at {position}", view.name());
    position
}

/// Waits until a checkpoint is there. The clock is paused: the limit is met only where it never will be.
pub(super) async fn reach(documents: &dyn Documents, view: &dyn Projection, position: u64) {
    let wait = Duration::from_secs(600);
    documents.prepare(&definition_of(view)).await.unwrap();
    let reached = documents
        .reach(&definition_of(view), position, wait)
        .await
        .unwrap();
    assert!(
        reached >= position,
        "{} stands at {reached} of {position}",
        view.name()
    );
}

/// One process with its follower and its views.
pub(super) struct Process {
    pub(super) projector: Arc<Projector>,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    pub(super) fn start(
        world: &World,
        documents: MemoryDocuments,
        views: &[Arc<dyn Projection>],
        options: ProjectOptions,
    ) -> Self {
        let store = MemoryStore::connect(&world.database, Arc::new(NoFaults));
        Self::start_on(store, documents, views, options)
    }

    pub(super) fn start_on(
        store: Arc<MemoryStore>,
        documents: MemoryDocuments,
        views: &[Arc<dyn Projection>],
        options: ProjectOptions,
    ) -> Self {
        let follower = Follower::new(store, &FollowOptions::default());
        let projector = Projector::new(
            views.to_vec(),
            Arc::new(documents),
            follower.clone(),
            options,
        );
        let cancel = CancellationToken::new();
        let running = tokio::spawn({
            let (projector, cancel) = (projector.clone(), cancel.clone());
            async move {
                tokio::join!(follower.run(cancel.clone()), projector.run(cancel));
            }
        });
        Self {
            projector,
            cancel,
            running,
        }
    }

    pub(super) async fn stop(self) {
        self.cancel.cancel();
        self.running.await.unwrap();
    }

    /// As kill -9 would.
    pub(super) async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
    }

    pub(super) fn health(&self, view: &str) -> ViewHealth {
        let all = self.projector.health();
        let found = all.iter().find(|health| health.borrow().view == view);
        found.unwrap().borrow().clone()
    }

    /// Waits until the view is in such a state here.
    pub(super) async fn until(&self, view: &str, wanted: impl Fn(&ViewState) -> bool) -> ViewState {
        let all = self.projector.health();
        let found = all.into_iter().find(|health| health.borrow().view == view);
        let mut health = found.unwrap();
        let wait = health.wait_for(|health| wanted(&health.state));
        let health = tokio::time::timeout(Duration::from_secs(600), wait);
        health
            .await
            .expect("it comes to that")
            .unwrap()
            .state
            .clone()
    }
}

/// Small steps, so that little history has many batches.
pub(super) fn small_steps(seed: u64) -> ProjectOptions {
    ProjectOptions {
        batch_events: 7,
        build_batch_events: 5,
        build_in_hand: 1 + seed % 20,
        build_pens: 2,
        seed,
        ..ProjectOptions::default()
    }
}
