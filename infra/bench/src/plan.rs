//! How much is measured: rounds, lengths, sizes.

use std::time::Duration;

use serde::Serialize;

/// How much is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// A smoke run, whose figures say little.
    pub quick: bool,
    /// Of every side of every case, in turn.
    pub rounds: usize,
    /// Timed part of one side's round.
    pub length: Duration,
    /// Before it, with the same load, not counted.
    pub warm_up: Duration,
    /// The same where one round must hold many thousand answers for its percentiles, or a store its stride.
    pub steady_length: Duration,
    /// Before it, not counted.
    pub steady_warm_up: Duration,
    /// Commands in flight on many aggregates.
    pub in_flight: Vec<usize>,
    /// Holds in flight on one stock.
    pub hot_in_flight: Vec<usize>,
    /// Aggregates of the working set.
    pub working_set: u64,
    /// Stored events at which rates are measured again; ascending, the first is the base.
    pub growth: Vec<u64>,
    /// How long preparing one size of the growth may take; what does not fit is left out, and said.
    pub grow_within: Duration,
    /// Events of a store that is rebuilt or verified.
    pub stored: u64,
    /// Stored events that the relay catches up on.
    pub relayed: u64,
    /// HTTP connections kept alive.
    pub connections: Vec<usize>,
    /// Commands per second of the open loop.
    pub rates: Vec<u64>,
    /// How long an idle process is watched.
    pub idle: Duration,
}

impl Plan {
    /// What `all` takes 40 minutes for.
    #[must_use]
    pub fn full() -> Self {
        Self {
            quick: false,
            rounds: 5,
            length: Duration::from_secs(2),
            warm_up: Duration::from_millis(500),
            steady_length: Duration::from_secs(5),
            steady_warm_up: Duration::from_secs(2),
            in_flight: vec![1, 8, 32, 128, 512],
            hot_in_flight: vec![32, 256, 2_048],
            working_set: 100_000,
            growth: vec![100_000, 1_000_000, 10_000_000],
            grow_within: Duration::from_secs(8 * 60),
            stored: 200_000,
            relayed: 1_000_000,
            connections: vec![32, 128, 512],
            rates: vec![100, 1_000, 5_000],
            idle: Duration::from_secs(60),
        }
    }

    /// A smoke run of under a minute.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            quick: true,
            rounds: 1,
            length: Duration::from_millis(300),
            warm_up: Duration::from_millis(100),
            steady_length: Duration::from_millis(300),
            steady_warm_up: Duration::from_millis(100),
            in_flight: vec![1, 32],
            hot_in_flight: vec![32],
            working_set: 1_000,
            growth: vec![2_000, 10_000],
            grow_within: Duration::from_secs(10),
            stored: 5_000,
            relayed: 20_000,
            connections: vec![8],
            rates: vec![100],
            idle: Duration::from_secs(2),
        }
    }

    /// The same plan with rounds as long as percentiles and a store's stride need.
    #[must_use]
    pub fn steady(&self) -> Self {
        Self {
            length: self.steady_length,
            warm_up: self.steady_warm_up,
            ..self.clone()
        }
    }
}
