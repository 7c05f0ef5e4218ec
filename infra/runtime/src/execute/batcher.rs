//! The batcher: one append in flight, while the next batch fills.
//!
//! Batches form by themselves: whatever was handed over while an append was under way goes with the next one, and an
//! idle system appends at once. The batcher keeps no state about aggregates: an entry whose speculation number was
//! raised, or whose run was revoked, goes back to its worker unseen by the store.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_schemas::Envelope;
use metrics::{Counter, Histogram};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::RunToken;
use super::backoff::Backoff;
use super::engine::EngineStatus;
use super::speculation::{self, Speculation};
use crate::metric_definitions;
use crate::ports::{
    AppendError, Appended, Appender, Entry, EventStore, FastOutcome, StoreError, Stream, Verdict,
};

/// More events in one append make it hardly faster, but later.
const BATCH_EVENTS: usize = 2_048;
/// Keeps one append's message and its memory small.
const BATCH_BYTES: usize = 8 << 20;
/// Entries that leave no fact cost a look-up each.
const BATCH_ENTRIES: usize = 4_096;

/// An entry on its way to the store.
pub(super) struct Handed {
    pub(super) worker: usize,
    pub(super) entry: Entry,
    pub(super) number: u64,
    pub(super) speculation: Speculation,
    pub(super) run: Option<RunToken>,
}

/// What became of an entry.
#[derive(Debug)]
pub(super) enum Came {
    /// It stands; its first event at this position.
    Stored { first: u64 },
    /// The command was carried out before.
    AlreadyDone(Vec<Envelope>),
    /// The aggregate is not at the expected version.
    Mismatch { actual: u64 },
    /// The store never takes it.
    RefusedAsData(String),
    /// Not stored, for certain: decide it again.
    Back,
    /// History was restored under us; nobody knows.
    Forked,
}

/// What came back for one worker.
pub(super) struct Note {
    pub(super) results: Vec<(Uuid, Came)>,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) contended: Arc<[Stream]>,
    /// History is another one since an operator accepted a fork: whatever is in memory is of the lost one.
    pub(super) forget: bool,
}

pub(super) struct Batcher {
    store: Arc<dyn EventStore>,
    inbox: mpsc::UnboundedReceiver<Vec<Handed>>,
    workers: Vec<mpsc::UnboundedSender<Note>>,
    status: watch::Sender<EngineStatus>,
    cancel: CancellationToken,
    queue: VecDeque<Handed>,
    /// The history that everything in memory is of.
    incarnation: Uuid,
    /// Decisions that bear a number below were taken on a lost history.
    floor: u64,
    size: Histogram,
    time: Histogram,
    checked: Counter,
}

impl Batcher {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        inbox: mpsc::UnboundedReceiver<Vec<Handed>>,
        workers: Vec<mpsc::UnboundedSender<Note>>,
        status: watch::Sender<EngineStatus>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            store,
            inbox,
            workers,
            status,
            cancel,
            queue: VecDeque::new(),
            incarnation: Uuid::nil(),
            floor: 0,
            size: metrics::histogram!(metric_definitions::APPEND_BATCH_SIZE),
            time: metrics::histogram!(metric_definitions::APPEND_TIME),
            checked: metrics::counter!(metric_definitions::APPENDS_CHECKED),
        }
    }

    /// Runs until it is cancelled or all workers are gone.
    pub(super) async fn run(mut self) {
        let cancel = self.cancel.clone();
        let work = async {
            let mut appender = self.connect().await;
            self.incarnation = self.store.source().incarnation;
            while let Some(handed) = self.inbox.recv().await {
                self.queue.extend(handed);
                while !self.queue.is_empty() {
                    self.append(&mut *appender).await;
                    while let Ok(handed) = self.inbox.try_recv() {
                        self.queue.extend(handed);
                    }
                }
            }
        };
        cancel.run_until_cancelled(work).await;
    }

    async fn connect(&self) -> Box<dyn Appender> {
        let mut backoff = Backoff::default();
        loop {
            match self.store.appender().await {
                Ok(appender) => {
                    self.say(EngineStatus::Running);
                    return appender;
                }
                Err(error) => self.say_trouble(&error),
            }
            backoff.wait().await;
        }
    }

    /// One batch, from the queue to the workers' notes.
    async fn append(&mut self, appender: &mut dyn Appender) {
        // Another connection may have found it out first.
        self.forget_lost_history();
        let batch = self.form_batch();
        if batch.is_empty() {
            return;
        }
        let (entries, routes): (Vec<_>, Vec<_>) = batch.into_iter().map(split).unzip();
        let began = Instant::now();
        let outcome = appender.append(&entries).await;
        self.time.record(began.elapsed());
        match outcome {
            Ok(FastOutcome::Appended(appended)) => self.stored(&entries, routes, appended),
            Ok(FastOutcome::Failed) => self.append_checked(appender, entries, routes).await,
            Err(error) => self.failed(appender, entries, routes, error).await,
        }
    }

    /// Takes what still counts; the rest goes back at once.
    fn form_batch(&mut self) -> Vec<Handed> {
        let mut batch = Vec::with_capacity(self.queue.len().min(BATCH_ENTRIES));
        let mut back = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(handed) = self.queue.pop_front() {
            if !handed.speculation.counts(handed.number) || handed.number < self.floor {
                back.push(handed);
                continue;
            }
            let history = self.incarnation;
            if handed
                .run
                .as_ref()
                .is_some_and(|run| !run.may_act_in(history))
            {
                // What was decided after it counted on it.
                handed.speculation.raise();
                back.push(handed);
                continue;
            }
            let size: usize = handed
                .entry
                .events
                .iter()
                .map(|e| e.payload.len() + e.metadata.len())
                .sum();
            let full =
                events + handed.entry.events.len() > BATCH_EVENTS || bytes + size > BATCH_BYTES;
            if batch.len() == BATCH_ENTRIES || (full && !batch.is_empty()) {
                self.queue.push_front(handed);
                break;
            }
            events += handed.entry.events.len();
            bytes += size;
            batch.push(handed);
        }
        if !back.is_empty() {
            let results = back
                .into_iter()
                .map(|handed| (handed.worker, handed.entry.command_id, Came::Back));
            self.tell(results.collect(), Utc::now, &[]);
        }
        batch
    }

    /// Every check held.
    fn stored(&mut self, entries: &[Entry], routes: Vec<Route>, appended: Appended) {
        let events: usize = entries.iter().map(|entry| entry.events.len()).sum();
        self.size.record(metric_count(events));
        let mut first = appended.first;
        let mut results = Vec::with_capacity(entries.len());
        for (entry, route) in entries.iter().zip(routes) {
            results.push((route.worker, entry.command_id, Came::Stored { first }));
            first += entry.events.len() as u64;
        }
        if events > 0 {
            self.store.announce(first - 1);
        }
        self.tell(results, || appended.recorded_at, &appended.contended);
    }

    /// Some check failed: the store judges entry by entry.
    async fn append_checked(
        &mut self,
        appender: &mut dyn Appender,
        entries: Vec<Entry>,
        routes: Vec<Route>,
    ) {
        self.checked.increment(1);
        let judged = match appender.append_checked(&entries).await {
            Ok(judged) => judged,
            Err(error) => return self.failed(appender, entries, routes, error).await,
        };
        let mut results = Vec::with_capacity(entries.len());
        let mut last = None;
        for ((entry, route), verdict) in entries.iter().zip(routes).zip(judged.verdicts) {
            let came = match verdict {
                Verdict::Appended { first } => {
                    if !entry.events.is_empty() {
                        last = Some(first + entry.events.len() as u64 - 1);
                    }
                    Came::Stored { first }
                }
                Verdict::AlreadyDone { facts } => Came::AlreadyDone(facts),
                Verdict::VersionMismatch { actual } => Came::Mismatch { actual },
                Verdict::RefusedAsData { why } => Came::RefusedAsData(why),
                Verdict::Behind | Verdict::Conflict { .. } => Came::Back,
            };
            if !matches!(came, Came::Stored { .. }) {
                route.speculation.raise();
            }
            results.push((route.worker, entry.command_id, came));
        }
        if let Some(last) = last {
            self.store.announce(last);
        }
        self.tell(results, || judged.recorded_at, &judged.contended);
    }

    /// The append has no answer.
    async fn failed(
        &mut self,
        appender: &mut dyn Appender,
        entries: Vec<Entry>,
        routes: Vec<Route>,
        error: AppendError,
    ) {
        match error {
            AppendError::NotDone(error) => {
                self.say_trouble(&error);
                for (entry, route) in entries.into_iter().zip(routes).rev() {
                    self.queue.push_front(join(entry, route));
                }
                self.recover(appender).await;
            }
            AppendError::Unknown(error) => {
                tracing::warn!(%error, entries = entries.len(), "the outcome of an append is unknown; looking it up");
                self.say(EngineStatus::Recovering);
                self.find_out(appender, entries, routes).await;
            }
            AppendError::Fatal(error) => {
                self.forked(
                    entries
                        .iter()
                        .zip(&routes)
                        .map(|(e, r)| (r.worker, e.command_id))
                        .collect(),
                    &error,
                );
                for route in &routes {
                    route.speculation.raise();
                }
                self.recover(appender).await;
            }
        }
    }

    /// Waits until the old connection's work is over, then asks which commands were carried out.
    async fn find_out(
        &mut self,
        appender: &mut dyn Appender,
        entries: Vec<Entry>,
        routes: Vec<Route>,
    ) {
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.command_id).collect();
        let mut backoff = Backoff::default();
        let facts = loop {
            let looked_up = match appender.recover().await {
                Ok(()) => {
                    self.forget_lost_history();
                    appender.look_up(&ids).await
                }
                Err(error) => Err(error),
            };
            match looked_up {
                Ok(facts) => break facts,
                Err(error @ StoreError::Forked { .. }) => {
                    for route in &routes {
                        route.speculation.raise();
                    }
                    self.forked(
                        routes
                            .iter()
                            .zip(&ids)
                            .map(|(r, id)| (r.worker, *id))
                            .collect(),
                        &error,
                    );
                    return self.recover(appender).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "still looking up an append whose outcome is unknown")
                }
            }
            backoff.wait().await;
        };
        let mut found: HashMap<Uuid, Vec<Envelope>> = HashMap::new();
        for fact in facts {
            found.entry(fact.command_id).or_default().push(fact);
        }
        let newest = found.values().flatten().map(|fact| fact.position).max();
        let mut results = Vec::with_capacity(ids.len());
        for (id, route) in ids.into_iter().zip(routes) {
            route.speculation.raise();
            let came = found.remove(&id).map_or(Came::Back, Came::AlreadyDone);
            results.push((route.worker, id, came));
        }
        if let Some(newest) = newest {
            self.store.announce(newest);
        }
        self.say(EngineStatus::Running);
        self.tell(results, Utc::now, &[]);
    }

    /// Waits until the connection stands again. While history is forked, whatever comes in goes back as such.
    async fn recover(&mut self, appender: &mut dyn Appender) {
        let mut backoff = Backoff::default();
        loop {
            backoff.wait().await;
            match appender.recover().await {
                Ok(()) => {
                    self.forget_lost_history();
                    return self.say(EngineStatus::Running);
                }
                Err(error @ StoreError::Forked { .. }) => self.forked(Vec::new(), &error),
                Err(error) => self.say_trouble(&error),
            }
        }
    }

    /// History was restored under us: nothing that is under way counts any more.
    fn forked(&mut self, mut lost: Vec<(usize, Uuid)>, error: &StoreError) {
        self.say(EngineStatus::Forked(error.to_string()));
        while let Ok(handed) = self.inbox.try_recv() {
            self.queue.extend(handed);
        }
        for handed in self.queue.drain(..) {
            handed.speculation.raise();
            lost.push((handed.worker, handed.entry.command_id));
        }
        let results = lost
            .into_iter()
            .map(|(worker, id)| (worker, id, Came::Forked))
            .collect();
        self.tell(results, Utc::now, &[]);
    }

    /// A connection that stands again may be one to another history: a backup was restored and accepted before we
    /// noticed anything. Version numbers of the lost one may fit it, so nothing decided on memory may reach it.
    fn forget_lost_history(&mut self) {
        let incarnation = self.store.source().incarnation;
        if incarnation == self.incarnation {
            return;
        }
        tracing::warn!(%incarnation, "the store's history is another one; everything in memory is forgotten");
        self.incarnation = incarnation;
        self.floor = speculation::fresh();
        for worker in &self.workers {
            // A worker that is gone remembers nothing.
            let _ = worker.send(Note {
                results: Vec::new(),
                recorded_at: Utc::now(),
                contended: Arc::default(),
                forget: true,
            });
        }
    }

    fn say_trouble(&self, error: &StoreError) {
        tracing::warn!(%error, "the event store does not answer");
        self.say(match error {
            StoreError::Forked { .. } => EngineStatus::Forked(error.to_string()),
            StoreError::Unreachable { .. } | StoreError::Refused { .. } => {
                EngineStatus::Unreachable(error.to_string())
            }
        });
    }

    fn say(&self, status: EngineStatus) {
        self.status.send_if_modified(|now| {
            let changes = *now != status;
            *now = status;
            changes
        });
    }

    /// Each worker gets one note with all that concerns it.
    fn tell(
        &self,
        results: Vec<(usize, Uuid, Came)>,
        recorded_at: impl Fn() -> DateTime<Utc>,
        contended: &[Stream],
    ) {
        let contended: Arc<[Stream]> = contended.into();
        let mut notes: Vec<Vec<(Uuid, Came)>> = self.workers.iter().map(|_| Vec::new()).collect();
        for (worker, id, came) in results {
            notes[worker].push((id, came));
        }
        for (worker, results) in self.workers.iter().zip(notes) {
            if results.is_empty() && contended.is_empty() {
                continue;
            }
            // A worker that is gone has nobody left to answer.
            let _ = worker.send(Note {
                results,
                recorded_at: recorded_at(),
                contended: Arc::clone(&contended),
                forget: false,
            });
        }
    }
}

/// Where an entry's answer goes.
struct Route {
    worker: usize,
    number: u64,
    speculation: Speculation,
    run: Option<RunToken>,
}

fn split(handed: Handed) -> (Entry, Route) {
    let route = Route {
        worker: handed.worker,
        number: handed.number,
        speculation: handed.speculation,
        run: handed.run,
    };
    (handed.entry, route)
}

fn join(entry: Entry, route: Route) -> Handed {
    Handed {
        worker: route.worker,
        entry,
        number: route.number,
        speculation: route.speculation,
        run: route.run,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a batch has a few thousand events"
)]
fn metric_count(count: usize) -> f64 {
    count as f64
}
