//! What a deployment decides about its relay.

use std::sync::Arc;

use crate::ports::{Clock, SystemClock};

/// Partitions of a topic, where nothing else is said. Fixed at creation, so rather too many than too few.
pub const DEFAULT_PARTITIONS: u32 = 12;

/// How to relay.
#[derive(Clone)]
pub struct RelayOptions {
    /// What topics begin with: `jangbu.`
    pub prefix: String,
    /// The aggregates this binary knows, `command` included: their topics are there before the first event is. Others
    /// that turn up in the store get theirs when they do.
    pub aggregates: Vec<String>,
    /// Partitions of topics that are made.
    pub partitions: u32,
    /// Refill a wiped topic without being asked: for a developer's machine.
    pub self_heal: bool,
    /// For the lag in seconds.
    pub clock: Arc<dyn Clock>,
}

impl RelayOptions {
    /// Relaying these aggregates, otherwise as usual.
    pub fn new(
        prefix: impl Into<String>,
        aggregates: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            prefix: prefix.into(),
            aggregates: aggregates.into_iter().map(Into::into).collect(),
            partitions: DEFAULT_PARTITIONS,
            self_heal: false,
            clock: Arc::new(SystemClock),
        }
    }

    pub(super) fn topic(&self, aggregate: &str) -> String {
        format!("{}{aggregate}", self.prefix)
    }

    /// The aggregates to relay: those this binary knows and those whose topics the relay has written before.
    pub(super) fn all_aggregates<'c>(
        &self,
        written: impl Iterator<Item = &'c String>,
    ) -> Vec<String> {
        let written =
            written.filter_map(|topic| topic.strip_prefix(&self.prefix).map(str::to_owned));
        let mut all: Vec<_> = self.aggregates.iter().cloned().chain(written).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
