//! What all processes of a run share: the database behind them, the weather between, and what was seen to happen.

use std::sync::Arc;

use jangbu_runtime::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use jangbu_runtime::ports::EventStore;
use jangbu_runtime::system::System;

use super::customer::insist;
use super::dice::{Dice, RunClock};
use super::history::History;
use super::process::Process;
use super::weather::{Climate, Weather};

/// One run's world.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) clock: Arc<RunClock>,
    pub(super) system: Arc<System>,
    pub(super) database: MemoryDatabase,
    pub(super) weather: Arc<Weather>,
    pub(super) processes: [Process; 2],
    pub(super) history: History,
}

impl World {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let dice = Dice::new(seed);
        let clock = Arc::new(RunClock::new(dice.clone()));
        let climate = Climate::draw(&dice);
        Arc::new(Self {
            system: Arc::new(crate::mall::mall()),
            database: MemoryDatabase::new("mall", clock.clone()),
            weather: Weather::new(dice.clone(), climate),
            processes: Default::default(),
            history: History::default(),
            clock,
            dice,
        })
    }

    /// A look into the database that nothing disturbs.
    pub(super) fn store(&self) -> Arc<MemoryStore> {
        MemoryStore::connect(&self.database, Arc::new(NoFaults))
    }

    /// The last position.
    pub(super) async fn head(&self) -> u64 {
        self.store()
            .head()
            .await
            .expect("nothing disturbs it")
            .position
    }

    /// Everything works again and everybody is up; then whoever never heard an answer asks until there is one.
    pub(super) async fn mend(&self) {
        self.weather.calm_down();
        for process in &self.processes {
            process.start(self);
        }
        for submission in self.history.unanswered() {
            let _ = insist(self, &submission).await;
        }
    }
}
