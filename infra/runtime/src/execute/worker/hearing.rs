//! The worker hears what the store said, and tells callers.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use metrics::Counter;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::super::answer;
use super::super::batcher::{Came, Note};
use super::super::flight::{Caller, Flight};
use super::super::{Answered, Failure, Outcome};
use super::Worker;
use crate::metric_definitions;

/// An aggregate is decided in turn for so long after somebody lost a race for it.
const CONTENDED_FOR: Duration = Duration::from_secs(1);

impl Worker {
    pub(super) fn hear(&mut self, note: Note) {
        if note.forget {
            for (number, slot) in self.cache.all() {
                slot.speculation.raise();
                slot.forget_state();
                self.stirred.push(number);
            }
        }
        for stream in &*note.contended {
            if let Some(number) = self.cache.find(stream) {
                self.cache.slot(number).contended_until = Some(Instant::now() + CONTENDED_FOR);
            }
        }
        for (id, came) in note.results {
            self.came_back(id, came, note.recorded_at);
        }
    }

    fn came_back(&mut self, id: Uuid, came: Came, recorded_at: DateTime<Utc>) {
        let flight = self
            .flights
            .get_mut(&id)
            .expect("a flight lasts until its entry comes back");
        let number = flight.slot;
        let intent = flight
            .intent
            .take()
            .expect("an entry came back, so one was out");
        let snapshot = flight.snapshot.take();
        let slot = self.cache.slot(number);
        slot.out -= 1;
        self.stirred.push(number);
        if matches!(came, Came::Stored { .. }) {
            slot.is_assumed = false;
        } else {
            slot.forget_state();
        }
        let outcome = match came {
            Came::Stored { first } => {
                if let Some(snapshot) = snapshot {
                    // A full queue drops it; a later one will do.
                    let _ = self.parts.snapshots.try_send(snapshot);
                }
                answer::stored(intent, flight.decided_on, first, recorded_at)
            }
            Came::AlreadyDone(facts) => match flight.callers.first() {
                Some(first) => answer::already_done(&first.submission, &facts),
                None => Err(Failure::OutcomeUnknown),
            },
            Came::Mismatch { actual } => Err(Failure::VersionMismatch { actual }),
            Came::RefusedAsData(why) => Err(Failure::RefusedAsData(why)),
            Came::Forked => Err(Failure::OutcomeUnknown),
            Came::Back => {
                // For certain nothing was stored, so silence would mean "not done" again.
                flight.was_handed = false;
                slot.returned.push((flight.arrival, id));
                return;
            }
        };
        self.end(id, outcome);
    }

    /// A flight has ended. Everybody hears a fact; what left none is told to those only who were there when the
    /// entry went off, with the same expected version. The others are judged anew.
    pub(super) fn end(&mut self, id: Uuid, outcome: Outcome) {
        let Some(mut flight) = self.close(id) else {
            return;
        };
        let Some(first) = flight.callers.first() else {
            return self.judge_anew(flight.others);
        };
        if flight.callers.len() == 1 && flight.others.is_empty() {
            let only = flight.callers.remove(0);
            return self.answer(only, outcome);
        }
        let first = Arc::clone(&first.submission);
        let for_all = !matches!(
            outcome,
            Err(Failure::CommandIdReused
                | Failure::VersionMismatch { .. }
                | Failure::PolicyRefused(_))
        );
        for caller in flight.callers {
            let same = caller.submission.expected_version == first.expected_version;
            if for_all || (caller.saw_it_go && same) {
                self.answer(caller, outcome.clone());
            } else {
                self.accept(caller);
            }
        }
        for caller in flight.others {
            let (stream, digest) = (&caller.submission.stream, caller.submission.command.digest);
            if outcome.is_ok() && *stream == first.stream && digest == first.command.digest {
                self.answer(caller, outcome.clone());
            } else {
                self.accept(caller);
            }
        }
    }

    /// A flight that nobody waits for and that is not with the batcher ends without a word.
    pub(super) fn end_deserted(&mut self, id: Uuid) {
        let Some(flight) = self.close(id) else { return };
        self.judge_anew(flight.others);
    }

    fn judge_anew(&mut self, callers: Vec<Caller>) {
        for caller in callers {
            self.accept(caller);
        }
    }

    fn close(&mut self, id: Uuid) -> Option<Flight> {
        let flight = self.flights.remove(&id)?;
        self.cache.slot(flight.slot).flights -= 1;
        self.stirred.push(flight.slot);
        Some(flight)
    }
}

/// Counts how commands ended, without looking a metric up each time.
#[derive(Default)]
pub(super) struct Outcomes(HashMap<(Arc<str>, &'static str), Counter>);

impl Outcomes {
    pub(super) fn count(&mut self, aggregate: &Arc<str>, outcome: &Outcome) {
        let outcome = match outcome {
            Ok(answer) => match answer.outcome {
                Answered::Said(_) => "said",
                Answered::Nothing => "nothing",
                Answered::Refused(_) => "refused",
            },
            Err(failure) => failure.name(),
        };
        let counter = self.0.entry((Arc::clone(aggregate), outcome)).or_insert_with(|| {
            metrics::counter!(metric_definitions::COMMANDS, "aggregate" => aggregate.to_string(), "outcome" => outcome)
        });
        counter.increment(1);
    }
}
