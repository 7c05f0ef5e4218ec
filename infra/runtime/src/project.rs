//! Views: folds of the store's one order, each an exact state as of one position, rebuilt while they serve.
//!
//! Whoever holds the lease of a `(view, version)` writes it; documents and checkpoint move in one transaction, so an event
//! is in a view once, whoever dies when. A version that nobody reads yet is built from the store and takes over once it
//! is at or beyond the one that is read. Nothing in here can send anything: a rebuild has no other effect than a view.

mod fold;
mod write;

mod build;
mod desk;
mod keep;
mod live;

mod health;
mod rebuild;
mod skip;
mod views;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use kernel::Projection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::follow::Follower;
use crate::ports::{Documents, ViewDefinition};

pub use build::Progress;
pub use health::{ViewHealth, ViewState};
pub use rebuild::{Rebuild, RebuildError, rebuild};
pub use skip::{SkipError, skip};
pub use views::{Freshness, ViewError, Views};

use health::Board;
use keep::{Door, Keeper};

/// How far views are behind is measured this often, also while they stand still.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// How views are carried.
#[derive(Clone, Debug)]
pub struct ProjectOptions {
    /// Events in one transaction.
    pub batch_events: usize,
    /// The same while a version is built that nobody reads.
    pub build_batch_events: usize,
    /// Sessions that write side by side while a version is built.
    pub build_pens: usize,
    /// Positions whose documents a build has in hand before it writes them: so much is folded again after a crash.
    pub build_in_hand: u64,
    /// At most so many events per second while a version is built beside those that serve; none: as fast as it goes.
    pub build_events_per_second: Option<u32>,
    /// A checkpoint over events that the view does not hear may wait this long for company.
    pub quiet_checkpoint_after: Duration,
    /// A lease that somebody else holds is tried again after about this time.
    pub lease_retry: Duration,
    /// Between two leases that a process takes it leaves the others this much time, so that leases spread.
    pub lease_spread: Duration,
    /// A view that stopped is tried again after this time: by then a binary that can read the event may hold the lease.
    pub stopped_retry: Duration,
    /// What the spread of waiting times is drawn from; by default another one in each process.
    pub seed: u64,
}

impl Default for ProjectOptions {
    fn default() -> Self {
        Self {
            batch_events: 1_000,
            build_batch_events: 5_000,
            build_pens: 2,
            build_in_hand: 250_000,
            build_events_per_second: None,
            quiet_checkpoint_after: Duration::from_millis(10),
            lease_retry: Duration::from_secs(1),
            lease_spread: Duration::from_millis(100),
            stopped_retry: Duration::from_secs(30),
            seed: RandomState::new().hash_one(()),
        }
    }
}

/// Carries views, as many of them as this process gets the leases of.
pub struct Projector {
    views: Vec<Arc<dyn Projection>>,
    documents: Arc<dyn Documents>,
    follower: Arc<Follower>,
    options: ProjectOptions,
    board: Arc<Board>,
}

impl Projector {
    /// A projector of views; the follower is run by whoever made it.
    #[must_use]
    pub fn new(
        views: Vec<Arc<dyn Projection>>,
        documents: Arc<dyn Documents>,
        follower: Arc<Follower>,
        options: ProjectOptions,
    ) -> Arc<Self> {
        let board = Arc::new(Board::new(&views));
        Arc::new(Self {
            views,
            documents,
            follower,
            options,
            board,
        })
    }

    /// Carries the views until it is cancelled, then gives its leases back.
    pub async fn run(&self, cancel: CancellationToken) {
        let door = Arc::new(Door::new());
        let mut keepers = JoinSet::new();
        let mut kept = HashMap::new();
        for view in &self.views {
            let task = keepers.spawn(self.keeper(view, &door).run(cancel.clone()));
            kept.insert(task.id(), view);
        }
        let mut measure = tokio::time::interval(MEASURE_EVERY);
        loop {
            tokio::select! {
                biased;
                ended = keepers.join_next_with_id() => match ended {
                    None => return,
                    Some(Ok(_)) => {}
                    // Folds are guarded; a panic elsewhere is a defect of ours, and the view must not stand still for it.
                    Some(Err(error)) => {
                        tracing::error!(%error, "the keeper of a view died; another takes its place");
                        if let Some(view) = kept.remove(&error.id()) {
                            tokio::time::sleep(self.options.lease_retry).await;
                            let task = keepers.spawn(self.keeper(view, &door).run(cancel.clone()));
                            kept.insert(task.id(), view);
                        }
                    }
                },
                _ = measure.tick() => self.board.measure(self.follower.newest()),
            }
        }
    }

    fn keeper(&self, view: &Arc<dyn Projection>, door: &Arc<Door>) -> Keeper {
        Keeper {
            definition: definition_of(&**view),
            view: Arc::clone(view),
            documents: Arc::clone(&self.documents),
            follower: Arc::clone(&self.follower),
            options: self.options.clone(),
            sign: self.board.sign(view.name(), view.version()),
            door: Arc::clone(door),
            prepared: false,
        }
    }

    /// How the views of this process stand; wakes with every change.
    #[must_use]
    pub fn health(&self) -> Vec<tokio::sync::watch::Receiver<ViewHealth>> {
        self.board.watch()
    }

    /// Has a view that stopped tried again at once.
    pub fn resume(&self, view: &str) {
        self.board.resume(view);
    }
}

/// What the store of documents must know of a view.
#[must_use]
pub fn definition_of(view: &dyn Projection) -> ViewDefinition {
    ViewDefinition {
        name: view.name(),
        version: view.version(),
        columns: view.columns(),
        shadow: false,
    }
}

#[cfg(test)]
mod tests;
