//! A process of the mall: what `jangbu run` runs, on memory. It can crash at any moment and be started anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jangbu_runtime::execute::{Engine, EngineOptions, Execute, Pending, Submission};
use jangbu_runtime::follow::{FollowOptions, Follower};
use jangbu_runtime::memory::store::MemoryStore;
use jangbu_runtime::project::{ProjectOptions, Projector};
use jangbu_runtime::react::{Dependencies, ReactOptions, Reactor};
use jangbu_runtime::relay::Relay;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::world::World;

/// One process, up or down.
#[derive(Default)]
pub(super) struct Process(Mutex<Option<Running>>);

struct Running {
    engine: Engine,
    /// Everything it does; dropped, it is dead at once.
    tasks: JoinSet<()>,
}

impl Process {
    /// Starts it, if it is down.
    pub(super) fn start(&self, world: &World) {
        let mut place = self.place();
        if place.is_none() {
            *place = Some(Running::new(world));
        }
    }

    /// It dies between two of its steps, without a word to anybody.
    pub(super) async fn crash(&self) {
        let running = self.place().take();
        if let Some(Running { mut tasks, engine }) = running {
            tasks.shutdown().await;
            drop(engine);
        }
    }

    /// Asks its engine; none if it is down.
    pub(super) fn submit(&self, submission: Submission) -> Option<Pending> {
        let place = self.place();
        place
            .as_ref()
            .map(|running| running.engine.submit(submission))
    }

    /// Its engine, while it is up.
    pub(super) fn engine(&self) -> Option<Engine> {
        let place = self.place();
        place.as_ref().map(|running| running.engine.clone())
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn new(world: &World) -> Self {
        let store = MemoryStore::connect(&world.database, world.weather.clone());
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (engine, running) = Engine::new(
            Arc::clone(&world.system),
            store.clone(),
            world.clock.clone(),
            engine_options(),
            cancel.clone(),
        );
        tasks.spawn(running);
        let ledger = world.ledger.of(&store);
        let log = Arc::new(world.log.with_faults(world.weather.clone()));
        let relay = Relay::new(
            Arc::clone(&ledger),
            log.clone(),
            store.clone(),
            world.relay_options(),
        );
        let until = cancel.clone();
        tasks.spawn(async move { relay.run(until).await });
        let with = Dependencies {
            log: log.clone(),
            progress: Arc::new(world.progress.connect(world.weather.clone())),
            store: store.clone(),
            ledger,
            execute: Arc::new(engine.clone()),
            clock: world.clock.clone(),
        };
        for context in world.system.contexts() {
            let reactor = Reactor::new(context, with.clone(), ReactOptions::default());
            let until = cancel.clone();
            tasks.spawn(async move { reactor.run(until).await });
        }
        let follower = Follower::new(store, &FollowOptions::default());
        let options = ProjectOptions {
            batch_events: 7,
            build_batch_events: 11,
            seed: world.dice.between(0, u64::MAX),
            ..ProjectOptions::default()
        };
        let documents = Arc::new(world.documents.connect(world.weather.clone()));
        let views = world.system.views().to_vec();
        let projector = Projector::new(views, documents, Arc::clone(&follower), options);
        let until = cancel.clone();
        tasks.spawn(async move { follower.run(until).await });
        tasks.spawn(async move { projector.run(cancel).await });
        Self { engine, tasks }
    }
}

fn engine_options() -> EngineOptions {
    EngineOptions {
        workers: 2,
        waiting: 64,
        // Few, so that aggregates are forgotten and loaded again all the time.
        cached: 4,
        assume_new_after: 1,
        snapshot_every: 5,
        drain: Duration::from_secs(2),
    }
}
