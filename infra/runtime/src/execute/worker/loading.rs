//! What runs beside the worker: loads, turns at contended aggregates, and handlers that look outside.

use std::sync::Arc;

use tokio::task::JoinError;
use uuid::Uuid;

use super::super::Failure;
use super::super::load::{self, Fetched, Unloadable};
use super::super::slot::{HeldTurn, Phase};
use super::Worker;
use crate::ports::{Load, LoadFrom, Turn};
use crate::system::{Decided, Instance};

/// Aggregates in one query.
const LOADED_AT_ONCE: usize = 512;

/// What was done beside the worker. `began` is the slot's number then; another one by now: it counts no more.
pub(super) enum Done {
    Loaded(Vec<(usize, u64, Result<Fetched, Unloadable>)>),
    Turn {
        slot: usize,
        began: u64,
        turn: Option<Box<dyn Turn>>,
        fetched: Result<Fetched, Unloadable>,
    },
    Decided {
        slot: usize,
        began: u64,
        id: Uuid,
        /// The instance and what it decided, or what the handler's panic said.
        handled: Result<(Box<dyn Instance>, Decided), String>,
    },
    TurnEnded,
}

impl Worker {
    /// Starts a query for the aggregates that are wanted, unless one is under way: what comes meanwhile goes with the
    /// next. A second one would make the first smaller and take the store's time from appending.
    pub(super) fn start_load(&mut self) {
        if self.cold.is_empty() || self.load.is_some() {
            return;
        }
        let count = self.cold.len().min(LOADED_AT_ONCE);
        let numbers: Vec<usize> = self.cold.drain(..count).collect();
        let mut wanted = Vec::with_capacity(count);
        let mut began = Vec::with_capacity(count);
        for number in &numbers {
            let slot = self.cache.slot(*number);
            slot.number = slot.speculation.number();
            began.push((*number, slot.number));
            wanted.push((scratch(slot), Arc::clone(&slot.kind)));
        }
        let store = Arc::clone(&self.parts.store);
        self.load = Some(Box::pin(async move {
            let fetched = load::load(store, wanted).await;
            let results = began
                .into_iter()
                .zip(fetched)
                .map(|((slot, began), fetched)| (slot, began, fetched));
            Done::Loaded(results.collect())
        }));
    }

    /// Another process fights for this aggregate: take turns, from the load to the batch's answer.
    pub(super) fn start_turn(&mut self, number: usize) {
        let slot = self.cache.slot(number);
        slot.number = slot.speculation.number();
        let (began, scratch, kind) = (slot.number, scratch(slot), Arc::clone(&slot.kind));
        let held = match std::mem::replace(&mut slot.phase, Phase::Away) {
            Phase::Ready(instance) => Some(Fetched {
                instance,
                version: slot.version,
                snapshot: slot.snapshot,
            }),
            Phase::Cold | Phase::Away | Phase::Recalling => None,
        };
        let store = Arc::clone(&self.parts.store);
        self.beside.spawn(async move {
            let (turn, fetched) = load::take_turn(store, scratch, kind, held).await;
            Done::Turn {
                slot: number,
                began,
                turn,
                fetched,
            }
        });
    }

    /// Gives a turn back, if one is held.
    pub(super) fn end_turn(&mut self, number: usize) {
        if let Some(HeldTurn {
            turn: Some(turn), ..
        }) = self.cache.slot(number).turn.take()
        {
            self.beside.spawn(async move {
                turn.end().await;
                Done::TurnEnded
            });
        }
    }

    pub(super) fn ended(&mut self, done: Result<Done, JoinError>) {
        match done {
            Ok(done) => self.finish(done),
            // Turns do not panic, and handlers are caught; the callers hear by their deadlines.
            Err(error) => {
                tracing::error!(%error, "work beside the engine's worker ended without a result");
            }
        }
    }

    pub(super) fn finish(&mut self, done: Done) {
        match done {
            Done::Loaded(results) => {
                for (number, began, fetched) in results {
                    self.fetched(number, began, fetched);
                }
            }
            Done::Turn {
                slot,
                began,
                turn,
                fetched,
            } => {
                self.cache.slot(slot).turn = Some(HeldTurn { turn, spent: false });
                self.fetched(slot, began, fetched);
            }
            Done::Decided {
                slot,
                began,
                id,
                handled,
            } => self.decided_beside(slot, began, id, handled),
            Done::TurnEnded => {}
        }
    }

    fn fetched(&mut self, number: usize, began: u64, fetched: Result<Fetched, Unloadable>) {
        self.stirred.push(number);
        let slot = self.cache.slot(number);
        if !slot.speculation.counts(began) {
            slot.phase = Phase::Recalling;
            return;
        }
        match fetched {
            Ok(fetched) => {
                slot.version = fetched.version;
                slot.version_known = false;
                slot.snapshot = fetched.snapshot;
                slot.phase = Phase::Ready(fetched.instance);
                slot.must_load = false;
                self.note_beginning(number);
            }
            Err(why) => {
                slot.phase = Phase::Cold;
                self.end_turn(number);
                let failure = match why {
                    Unloadable::Forked(why) => Failure::Forked(why),
                    Unloadable::Broken(why) => {
                        tracing::error!(%why, "an aggregate cannot be loaded");
                        Failure::Defect(why)
                    }
                };
                let waiting: Vec<_> = self.cache.slot(number).queue.drain(..).collect();
                for (arrival, id) in waiting {
                    if self
                        .flights
                        .get(&id)
                        .is_some_and(|flight| flight.arrival == arrival)
                    {
                        self.end(id, Err(failure.clone()));
                    }
                }
            }
        }
    }

    fn decided_beside(
        &mut self,
        number: usize,
        began: u64,
        id: Uuid,
        handled: Result<(Box<dyn Instance>, Decided), String>,
    ) {
        self.stirred.push(number);
        let slot = self.cache.slot(number);
        let flight = self
            .flights
            .get(&id)
            .filter(|flight| flight.slot == number && flight.intent.is_none());
        let Some(flight) = flight else {
            // Nobody waits any more; what it said is not stored, but the state has it.
            slot.phase = Phase::Recalling;
            return;
        };
        let (instance, decided) = match handled {
            Ok(handled) => handled,
            Err(why) => return self.met_defect(number, id, Failure::Defect(why)),
        };
        if !slot.speculation.counts(began) || flight.callers.is_empty() {
            slot.phase = Phase::Recalling;
            slot.returned.push((flight.arrival, id));
            return;
        }
        let submission = Arc::clone(flight.submission());
        self.decided(number, id, &submission, instance, decided);
    }
}

fn scratch(slot: &super::super::slot::Slot) -> Load {
    Load {
        stream: slot.stream.clone(),
        from: LoadFrom::Scratch {
            schema: slot.kind.state_schema(),
        },
    }
}
