//! A process of the mall: what `jangbu run` runs, on memory. It can crash at any moment and be started anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jangbu_runtime::execute::{Engine, EngineOptions, Execute, Pending, Submission};
use jangbu_runtime::memory::store::MemoryStore;
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

    fn place(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn new(world: &World) -> Self {
        let mut tasks = JoinSet::new();
        let store = MemoryStore::connect(&world.database, world.weather.clone());
        let options = EngineOptions {
            workers: 2,
            waiting: 64,
            // Few, so that aggregates are forgotten and loaded again all the time.
            cached: 4,
            snapshot_every: 5,
            drain: Duration::from_secs(2),
        };
        let (engine, running) = Engine::new(
            Arc::clone(&world.system),
            store,
            world.clock.clone(),
            options,
            CancellationToken::new(),
        );
        tasks.spawn(running);
        Self { engine, tasks }
    }
}
