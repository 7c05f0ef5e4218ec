//! The speculation number of an aggregate: which decisions about it still count.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter for the whole process, so that a number outlives the eviction of its aggregate from the cache.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A number above all that were given so far.
pub(super) fn fresh() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// Shared by an aggregate's slot and all its decisions that are under way.
#[derive(Clone, Debug)]
pub(super) struct Speculation(Arc<AtomicU64>);

impl Speculation {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(fresh())))
    }

    /// The number that a decision taken now bears.
    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Every decision taken so far is void, wherever it is.
    pub(super) fn raise(&self) {
        self.0.store(fresh(), Ordering::Release);
    }

    /// Whether a decision that bears this number still counts.
    pub(super) fn counts(&self, number: u64) -> bool {
        self.number() == number
    }
}
