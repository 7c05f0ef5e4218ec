//! The engine: routes each command to the worker that owns its aggregate, and runs workers and batcher.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::batcher::{Batcher, Handed, Note};
use super::flight::Caller;
use super::snapshots::SnapshotWriter;
use super::worker::{Worker, WorkerParts};
use super::{Execute, Failure, Outcome, Pending, Submission};
use crate::metric_definitions;
use crate::ports::{Clock, EventStore};
use crate::system::System;

/// How much the engine takes on.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Workers; as many as cores.
    pub workers: usize,
    /// Commands without an answer, in the whole process; more are refused. One aggregate may fill half of it.
    pub waiting: usize,
    /// Aggregates in memory, in the whole process.
    pub cached: usize,
    /// A command that found so many aggregates in a row to be new takes the next for new too, without a look: while
    /// that holds it saves a query, and when it does not it costs an append in vain.
    pub assume_new_after: u32,
    /// Events of an aggregate between two snapshots.
    pub snapshot_every: u64,
    /// How long commands under way may take to end when the engine is shut down.
    pub drain: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            waiting: 32_768,
            cached: 100_000,
            assume_new_after: 256,
            snapshot_every: 100,
            drain: Duration::from_secs(10),
        }
    }
}

/// Whether commands can be carried out just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineStatus {
    /// Not connected yet.
    Starting,
    /// Yes.
    Running,
    /// The store does not answer; commands wait for it as long as their deadlines allow.
    Unreachable(String),
    /// The outcome of an append is being looked up; nothing new is taken.
    Recovering,
    /// History was restored under us; nothing is taken until an operator has looked.
    Forked(String),
    /// It was shut down.
    Stopped,
}

/// Carries commands out. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    workers: Arc<[mpsc::Sender<Caller>]>,
    status: watch::Receiver<EngineStatus>,
}

/// What the handles and the workers share.
pub(super) struct Shared {
    waiting: AtomicUsize,
    pub(super) options: EngineOptions,
    closing: CancellationToken,
}

impl Shared {
    /// Cancelled when the engine is to shut down.
    pub(super) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Shows how many wait.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge need not be exact to the last command"
    )]
    pub(super) fn show(&self) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        metrics::gauge!(metric_definitions::COMMANDS_WAITING).set(waiting as f64);
    }

    /// A caller was answered.
    pub(super) fn answered(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Makes an engine and the future that runs it. The engine works while that future is polled; to drop it is to
    /// crash, to cancel `cancel` is to shut down in order.
    pub fn new(
        system: Arc<System>,
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        options: EngineOptions,
        cancel: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            options: options.clone(),
            closing: cancel,
        });
        let (status, status_seen) = watch::channel(EngineStatus::Starting);
        let (to_batcher, from_workers) = mpsc::unbounded_channel();
        let (snapshots, snapshot_writer) = SnapshotWriter::new(Arc::clone(&store));
        let mut inboxes = Vec::new();
        let mut note_senders = Vec::new();
        let mut workers = Vec::new();
        for index in 0..options.workers.max(1) {
            let (inbox, submissions) = mpsc::channel(options.waiting.max(1));
            let (note_sender, notes) = mpsc::unbounded_channel::<Note>();
            workers.push(Worker::new(WorkerParts {
                index,
                system: Arc::clone(&system),
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                shared: Arc::clone(&shared),
                submissions,
                notes,
                to_batcher: to_batcher.clone(),
                snapshots: snapshots.clone(),
            }));
            inboxes.push(inbox);
            note_senders.push(note_sender);
        }
        drop(to_batcher);
        let engine = Self {
            shared: Arc::clone(&shared),
            workers: inboxes.into(),
            status: status_seen,
        };
        let running = run(
            shared,
            store,
            workers,
            note_senders,
            from_workers,
            status,
            snapshot_writer,
        );
        (engine, running)
    }

    /// Whether commands can be carried out just now.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }

    /// Why nothing is taken just now.
    fn closed(&self) -> Option<Failure> {
        if self.shared.closing.is_cancelled() {
            return Some(Failure::ShuttingDown);
        }
        match &*self.status.borrow() {
            EngineStatus::Recovering => Some(Failure::Unavailable),
            EngineStatus::Forked(why) => Some(Failure::Forked(why.clone())),
            EngineStatus::Stopped => Some(Failure::ShuttingDown),
            EngineStatus::Starting | EngineStatus::Running | EngineStatus::Unreachable(_) => None,
        }
    }

    /// Hands a caller to the worker of its aggregate, if there is room.
    fn hand_in(&self, caller: Caller) {
        let failure = match self.closed() {
            Some(failure) => failure,
            None if caller.is_revoked() => Failure::Revoked,
            None => {
                let waiting = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
                if waiting < self.shared.options.waiting {
                    let hash = BuildHasherDefault::<DefaultHasher>::new()
                        .hash_one(&caller.submission.stream);
                    let worker = usize::try_from(hash % self.workers.len() as u64)
                        .expect("fewer workers than fit");
                    match self.workers[worker].try_send(caller) {
                        Ok(()) => return,
                        Err(refused) => {
                            self.shared.answered();
                            let failure = match &refused {
                                mpsc::error::TrySendError::Full(_) => Failure::Overloaded,
                                mpsc::error::TrySendError::Closed(_) => Failure::ShuttingDown,
                            };
                            return refused.into_inner().hear(Err(failure));
                        }
                    }
                }
                self.shared.answered();
                Failure::Overloaded
            }
        };
        caller.hear(Err(failure));
    }
}

impl Execute for Engine {
    fn submit(&self, submission: Submission) -> Pending {
        let (reply, pending): (oneshot::Sender<Outcome>, Pending) = Pending::channel();
        self.hand_in(Caller::new(submission, reply));
        pending
    }
}

/// Workers first, in order: they end when nothing is under way any more; then the batcher has nothing left to do.
async fn run(
    shared: Arc<Shared>,
    store: Arc<dyn EventStore>,
    workers: Vec<Worker>,
    notes: Vec<mpsc::UnboundedSender<Note>>,
    from_workers: mpsc::UnboundedReceiver<Vec<Handed>>,
    status: watch::Sender<EngineStatus>,
    snapshots: SnapshotWriter,
) {
    let stop = CancellationToken::new();
    let batcher = Batcher::new(store, from_workers, notes, status.clone(), stop.clone());
    let mut behind = JoinSet::new();
    behind.spawn(batcher.run());
    behind.spawn(snapshots.run());
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(worker.run());
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a worker of the engine ended before its time; the process must be restarted");
            shared.closing.cancel();
        }
    }
    stop.cancel();
    behind.shutdown().await;
    status.send_replace(EngineStatus::Stopped);
}
