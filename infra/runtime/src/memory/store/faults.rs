//! What may go wrong between a process and its store; the simulation decides by its seed.

use std::time::Duration;

/// What a process is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Open a connection.
    Connect,
    /// Append a batch, fast or checked.
    Append,
    /// Look up commands after an unknown outcome.
    LookUp,
    /// Load aggregates.
    Load,
    /// Read the tail, the head, or search.
    Read,
    /// Take a turn at a contended aggregate.
    Turn,
    /// Save snapshots.
    SaveSnapshots,
    /// Read or write the documents of views.
    Documents,
    /// Read or write the ledger of policies.
    Progress,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// It takes so long to reach the store.
    pub delay: Duration,
    /// The answer takes so long to come back: meanwhile the store goes on, and a restore breaks the connection.
    pub answer_delay: Duration,
    /// It never reaches the store.
    pub fails: bool,
    /// An append reaches the store, but its answer does not come back; the store carries it out this much later.
    pub answer_lost: Option<Duration>,
}

/// Decides what becomes of each operation.
pub trait Faults: Send + Sync + 'static {
    /// The fate of one operation.
    fn fate(&self, operation: Operation) -> Fate;
}

/// Everything works, at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn fate(&self, _: Operation) -> Fate {
        Fate::default()
    }
}
