//! What all processes of a run share: the database and the log behind them, the weather between, and what was seen.

use std::sync::Arc;

use jangbu_runtime::memory::documents::MemoryDocuments;
use jangbu_runtime::memory::leadership::MemoryLedger;
use jangbu_runtime::memory::log::MemoryLog;
use jangbu_runtime::memory::progress::MemoryProgress;
use jangbu_runtime::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use jangbu_runtime::ports::{EventStore, Progress};
use jangbu_runtime::relay::RelayOptions;
use jangbu_runtime::system::System;
use tokio::time::{Duration, sleep};

use super::dice::{Dice, RunClock};
use super::history::History;
use super::process::Process;
use super::weather::{Climate, Weather};

/// What topics begin with.
pub(super) const PREFIX: &str = "jangbu.";
/// Partitions of each topic: few, so that keys meet.
pub(super) const PARTITIONS: u32 = 3;

/// One run's world.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) clock: Arc<RunClock>,
    pub(super) system: Arc<System>,
    pub(super) database: MemoryDatabase,
    pub(super) ledger: MemoryLedger,
    pub(super) progress: MemoryProgress,
    pub(super) documents: MemoryDocuments,
    pub(super) log: MemoryLog,
    pub(super) weather: Arc<Weather>,
    pub(super) processes: [Process; 2],
    pub(super) history: History,
    /// Whether a wiped topic is refilled without asking.
    self_heal: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let dice = Dice::new(seed);
        let clock = Arc::new(RunClock::new(dice.clone()));
        let climate = Climate::draw(&dice);
        let database = MemoryDatabase::new("mall", clock.clone());
        Arc::new(Self {
            system: Arc::new(crate::mall::mall()),
            ledger: MemoryLedger::new(&database),
            database,
            progress: MemoryProgress::new(),
            documents: MemoryDocuments::new(),
            log: MemoryLog::new(),
            weather: Weather::new(dice.clone(), climate),
            processes: Default::default(),
            history: History::default(),
            self_heal: dice.per_mille(500),
            clock,
            dice,
        })
    }

    /// Everybody starts, and is awaited until every policy is known: what comes before that it never hears.
    pub(super) async fn open(&self) {
        for process in &self.processes {
            process.start(self);
        }
        for context in self.system.contexts() {
            while self
                .progress
                .starts(context.name())
                .await
                .is_ok_and(|known| known.is_empty())
            {
                sleep(Duration::from_millis(10)).await;
            }
        }
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

    pub(super) fn relay_options(&self) -> RelayOptions {
        RelayOptions {
            partitions: PARTITIONS,
            self_heal: self.self_heal,
            clock: self.clock.clone(),
            ..RelayOptions::new(PREFIX, self.system.aggregates())
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        self.system
            .aggregates()
            .map(|aggregate| format!("{PREFIX}{aggregate}"))
            .collect()
    }
}
