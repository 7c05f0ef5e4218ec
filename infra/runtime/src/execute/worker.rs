//! A worker: owns a share of the aggregates, decides their commands in arrival order, and answers their callers.
//!
//! It never stops for the store: loads, turns and handlers that look outside run beside it, and their results
//! come back as messages. What it decides goes to the batcher; what the store says comes back as notes.

mod assuming;
mod deciding;
mod hearing;
mod loading;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use self::loading::Done;
use super::batcher::{Handed, Note};
use super::cache::Cache;
use super::engine::Shared;
use super::flight::{Caller, Flight};
use super::slot::Phase;
use super::snapshots::Snapshots;
use super::{Failure, Origin, Outcome};
use crate::ports::{Clock, EventStore};
use crate::system::System;

/// Callers taken in one go before decisions are handed over.
const TAKEN_AT_ONCE: usize = 512;
/// How exact deadlines are.
const TICK: Duration = Duration::from_millis(100);

/// What a worker is made of.
pub(super) struct WorkerParts {
    pub(super) index: usize,
    pub(super) system: Arc<System>,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Arc<Shared>,
    pub(super) submissions: mpsc::Receiver<Caller>,
    pub(super) notes: mpsc::UnboundedReceiver<Note>,
    pub(super) to_batcher: mpsc::UnboundedSender<Vec<Handed>>,
    pub(super) snapshots: Snapshots,
}

pub(super) struct Worker {
    parts: WorkerParts,
    cache: Cache,
    /// By command id. The hasher's keys are fixed, so that a simulated run is the same every time.
    flights: HashMap<Uuid, Flight, BuildHasherDefault<DefaultHasher>>,
    arrivals: u64,
    /// Decided, to be handed to the batcher when the burst is through.
    outbox: Vec<Handed>,
    /// Slots that have something to do.
    stirred: Vec<usize>,
    /// Slots to be loaded with the next query.
    cold: Vec<usize>,
    /// The query that is under way. The worker drives it itself: a task of its own would be woken in vain twice.
    load: Option<BoxFuture<'static, Done>>,
    /// Turns and handlers beside the worker; they die with it.
    beside: JoinSet<Done>,
    outcomes: hearing::Outcomes,
    begun: assuming::Begun,
}

impl Worker {
    pub(super) fn new(parts: WorkerParts) -> Self {
        let cached = (parts.shared.options.cached / parts.shared.options.workers.max(1)).max(1);
        Self {
            parts,
            cache: Cache::new(cached),
            flights: HashMap::default(),
            arrivals: 0,
            outbox: Vec::new(),
            stirred: Vec::new(),
            cold: Vec::new(),
            load: None,
            beside: JoinSet::new(),
            outcomes: hearing::Outcomes::default(),
            begun: assuming::Begun::default(),
        }
    }

    /// Works until the engine is closed and nothing is under way any more.
    pub(super) async fn run(mut self) {
        let closing = self.parts.shared.closing();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(TAKEN_AT_ONCE);
        let mut drain_until = None;
        loop {
            tokio::select! {
                biased;
                Some(note) = self.parts.notes.recv() => {
                    self.hear(note);
                    while let Ok(note) = self.parts.notes.try_recv() {
                        self.hear(note);
                    }
                }
                done = under_way(&mut self.load) => {
                    self.load = None;
                    self.finish(done);
                }
                Some(done) = self.beside.join_next() => self.ended(done),
                () = closing.cancelled(), if drain_until.is_none() => {
                    self.parts.submissions.close();
                    drain_until = Some(Instant::now() + self.parts.shared.options.drain);
                }
                count = self.parts.submissions.recv_many(&mut taken, TAKEN_AT_ONCE), if !self.parts.submissions.is_closed() || !self.parts.submissions.is_empty() => {
                    debug_assert!(count > 0 || self.parts.submissions.is_closed());
                    for caller in taken.drain(..) {
                        self.accept(caller);
                    }
                }
                _ = tick.tick() => {
                    self.parts.shared.show();
                    self.expire(Instant::now());
                }
            }
            self.settle();
            if let Some(until) = drain_until
                && (self.flights.is_empty() && self.parts.submissions.is_empty()
                    || Instant::now() >= until)
            {
                return self.abandon();
            }
        }
    }

    /// Takes a caller in: it joins the flight of its command, or begins one.
    fn accept(&mut self, caller: Caller) {
        let submission = &caller.submission;
        let id = submission.command_id;
        if let Some(flight) = self.flights.get_mut(&id) {
            if joins(&caller, flight) {
                flight.callers.push(caller);
            } else {
                flight.others.push(caller);
            }
            return;
        }
        let Some(kind) = self.parts.system.kind(&submission.stream.aggregate) else {
            let why = format!("no aggregate is named {}", submission.stream.aggregate);
            return self.answer(caller, Err(Failure::Defect(why)));
        };
        let number = self.cache.slot_of(&submission.stream, kind);
        let most = (self.parts.shared.options.waiting / 2).max(1);
        let slot = self.cache.slot(number);
        if slot.flights >= most {
            return self.answer(caller, Err(Failure::Overloaded));
        }
        slot.flights += 1;
        self.arrivals += 1;
        slot.queue.push_back((self.arrivals, id));
        self.flights.insert(
            id,
            Flight {
                callers: vec![caller],
                others: Vec::new(),
                slot: number,
                arrival: self.arrivals,
                intent: None,
                decided_on: 0,
                snapshot: None,
                was_handed: false,
            },
        );
        self.stirred.push(number);
    }

    /// Lets every slot that has something to do go on, then hands over what was decided and starts loads.
    fn settle(&mut self) {
        let now = Instant::now();
        while let Some(number) = self.stirred.pop() {
            // An idle slot may have been forgotten since.
            if self.cache.has(number) {
                self.go_on(number, now);
            }
        }
        if !self.outbox.is_empty() {
            // A batcher that is gone was cancelled with the engine: nobody waits for it.
            let _ = self.parts.to_batcher.send(std::mem::take(&mut self.outbox));
        }
        self.start_load();
    }

    /// Takes a slot as far as it can go just now.
    fn go_on(&mut self, number: usize, now: Instant) {
        loop {
            let slot = self.cache.slot(number);
            match slot.phase {
                Phase::Away => return,
                Phase::Recalling if slot.out > 0 => return,
                Phase::Recalling => {
                    slot.take_back();
                    self.end_turn(number);
                }
                Phase::Cold if slot.queue.is_empty() => return,
                Phase::Cold if slot.is_contended(now) => return self.start_turn(number),
                Phase::Cold => {
                    if !self.assume_blank(number) {
                        self.cache.slot(number).phase = Phase::Away;
                        return self.cold.push(number);
                    }
                }
                Phase::Ready(_) if slot.turn.is_some() || slot.is_contended(now) => {
                    if slot.out > 0 {
                        return;
                    }
                    if slot.turn.as_ref().is_some_and(|turn| turn.spent) {
                        self.end_turn(number);
                    } else if slot.queue.is_empty() {
                        return self.end_turn(number);
                    } else if slot.turn.is_none() {
                        return self.start_turn(number);
                    } else {
                        self.decide_waiting(number, now);
                    }
                }
                Phase::Ready(_) if slot.queue.is_empty() => return,
                Phase::Ready(_) => self.decide_waiting(number, now),
            }
        }
    }

    /// Lets go of callers whose time is up, and of flights that nobody waits for.
    fn expire(&mut self, now: Instant) {
        let mut deserted = Vec::new();
        for (id, flight) in &mut self.flights {
            let waiting = flight.callers.len() + flight.others.len();
            flight.expire(now);
            let gone = waiting - flight.callers.len() - flight.others.len();
            (0..gone).for_each(|_| self.parts.shared.answered());
            if flight.callers.is_empty() && flight.intent.is_none() {
                deserted.push((flight.arrival, *id));
            }
        }
        deserted.sort_unstable();
        for (_, id) in deserted {
            self.end_deserted(id);
        }
    }

    /// Shutdown has waited long enough: what is with the store may be stored, the rest was not done.
    fn abandon(mut self) {
        for (_, mut flight) in std::mem::take(&mut self.flights) {
            let why = if flight.was_handed {
                Failure::OutcomeUnknown
            } else {
                Failure::ShuttingDown
            };
            for caller in flight.callers.drain(..).chain(flight.others.drain(..)) {
                self.answer(caller, Err(why.clone()));
            }
        }
        while let Ok(caller) = self.parts.submissions.try_recv() {
            self.answer(caller, Err(Failure::ShuttingDown));
        }
    }

    fn answer(&mut self, caller: Caller, outcome: Outcome) {
        self.parts.shared.answered();
        self.outcomes
            .count(&caller.submission.stream.aggregate, &outcome);
        caller.hear(outcome);
    }
}

async fn under_way(load: &mut Option<BoxFuture<'static, Done>>) -> Done {
    match load {
        Some(load) => load.await,
        None => std::future::pending().await,
    }
}

/// Whether a caller waits for a flight as it is: the same command for the same aggregate. A policy's command joins
/// only its own run: another run's must keep its place behind whatever that run asked before it.
fn joins(caller: &Caller, flight: &Flight) -> bool {
    let Some(first) = flight.callers.first() else {
        return false;
    };
    let (new, old) = (&caller.submission, &first.submission);
    let same_run = match (&new.origin, &old.origin) {
        (Origin::Person, Origin::Person) => true,
        (Origin::Policy(new), Origin::Policy(old)) => new.is(old),
        _ => false,
    };
    same_run && new.command.digest == old.command.digest && new.stream == old.stream
}
