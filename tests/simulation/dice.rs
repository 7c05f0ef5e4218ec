//! All the randomness of a run, from one seed; and a clock that shows the run's own time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jangbu_runtime::ports::Clock;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;
use uuid::Uuid;

/// Dice that everybody in a run throws; clones are the same ones.
#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<SmallRng>>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }

    fn with<T>(&self, throw: impl FnOnce(&mut SmallRng) -> T) -> T {
        throw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&self, least: u64, most: u64) -> u64 {
        self.with(|rng| rng.random_range(least..=most))
    }

    /// One of `count`, from 0.
    pub(super) fn index(&self, count: usize) -> usize {
        self.with(|rng| rng.random_range(0..count))
    }

    /// True so many times in a thousand.
    pub(super) fn per_mille(&self, times: u64) -> bool {
        self.between(1, 1_000) <= times
    }

    /// Milliseconds from `least` to `most`; mostly few of them.
    pub(super) fn pause(&self, least: u64, most: u64) -> Duration {
        let most = self.between(least, most);
        Duration::from_millis(self.between(least, most))
    }

    pub(super) fn uuid(&self) -> Uuid {
        let bytes: [u8; 10] = self.with(|rng| rng.random());
        let millis = u64::try_from(START.timestamp_millis()).expect("it is after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

/// When every run begins.
const START: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 0).expect("it is a time");

/// Shows how long the run has been going on; ids come from the dice.
pub(super) struct RunClock {
    dice: Dice,
    began: Instant,
}

impl RunClock {
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            dice,
            began: Instant::now(),
        }
    }
}

impl Clock for RunClock {
    fn now(&self) -> DateTime<Utc> {
        START + TimeDelta::from_std(self.began.elapsed()).expect("a run is short")
    }

    fn event_id(&self) -> Uuid {
        self.dice.uuid()
    }
}
