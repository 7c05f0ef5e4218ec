//! The worker decides: one command after the other on the aggregate's speculative state.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use kernel::Context;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::batcher::Handed;
use super::super::decide::{self, TooLarge};
use super::super::flight::Intent;
use super::super::slot::Phase;
use super::super::{Failure, Origin, Submission};
use super::Worker;
use super::loading::Done;
use crate::ports::{Entry, NewSnapshot, Snapshot};
use crate::system::{Decided, Deciding, Instance};

/// Commands decided in one turn at a contended aggregate: a batch, then somebody else.
const TURN_COMMANDS: usize = 1_024;
/// A snapshot may cost at most so many bytes per event since the last one.
const SNAPSHOT_BYTES_PER_EVENT: u64 = 128;

impl Worker {
    /// Decides what waits, as long as the state is there.
    pub(super) fn decide_waiting(&mut self, number: usize, now: Instant) {
        let mut most = usize::MAX;
        if let Some(turn) = &mut self.cache.slot(number).turn {
            turn.spent = true;
            most = TURN_COMMANDS;
        }
        for _ in 0..most {
            let slot = self.cache.slot(number);
            if !matches!(slot.phase, Phase::Ready(_)) {
                return;
            }
            let Some((arrival, id)) = slot.queue.pop_front() else {
                return;
            };
            self.decide_one(number, arrival, id, now);
        }
    }

    fn decide_one(&mut self, number: usize, arrival: u64, id: Uuid, now: Instant) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        if flight.arrival != arrival || flight.intent.is_some() {
            // The flight that stood here ended, and its id came again: it stands further back.
            return;
        }
        let waiting = flight.callers.len() + flight.others.len();
        flight.expire(now);
        let gone = waiting - flight.callers.len() - flight.others.len();
        (0..gone).for_each(|_| self.parts.shared.answered());
        if flight.callers.is_empty() {
            return self.end_deserted(id);
        }
        let submission = Arc::clone(flight.submission());
        let slot = self.cache.slot(number);
        if submission
            .expected_version
            .is_some_and(|expected| expected != slot.version)
        {
            let checked = decide::check(&submission, slot.version, Intent::Mismatch);
            return self.hand_over(number, id, checked, None);
        }
        let Phase::Ready(instance) = std::mem::replace(&mut slot.phase, Phase::Away) else {
            return;
        };
        let context = Context {
            now: self.parts.clock.now(),
            actor: submission.actor.clone(),
            command_id: id,
        };
        match catch_unwind(AssertUnwindSafe(|| {
            instance.decide(&submission.command, context)
        })) {
            Ok(Deciding::Now(instance, decided)) => {
                self.decided(number, id, &submission, instance, decided)
            }
            Ok(Deciding::Later(deciding)) => {
                let began = slot.number;
                self.beside.spawn(async move {
                    let handled = AssertUnwindSafe(deciding).catch_unwind().await;
                    let handled = handled.map_err(|panic| crate::panic_message(&*panic));
                    Done::Decided {
                        slot: number,
                        began,
                        id,
                        handled,
                    }
                });
            }
            Err(panic) => {
                self.met_defect(number, id, Failure::Defect(crate::panic_message(&*panic)))
            }
        }
    }

    /// A decision is taken; the instance has taken in what it says.
    pub(super) fn decided(
        &mut self,
        number: usize,
        id: Uuid,
        submission: &Submission,
        instance: Box<dyn Instance>,
        decided: Decided,
    ) {
        if !matches!(decided, Decided::Said(_)) && self.is_blank_by_assumption(number) {
            return self.load_after_all(number, id);
        }
        let clock = Arc::clone(&self.parts.clock);
        let slot = self.cache.slot(number);
        let version = slot.version;
        let mut said = 0;
        let made = match decided {
            Decided::Said(events) => {
                said = events.len() as u64;
                decide::say(submission, version, events, &*clock)
            }
            Decided::Nothing => decide::change_nothing(submission, version, &*clock),
            Decided::Refused(problem) => match submission.origin {
                Origin::Person => decide::refuse(submission, version, problem, &*clock),
                Origin::Policy(_) => Ok(decide::check(
                    submission,
                    version,
                    Intent::RefusePolicy(problem),
                )),
            },
            Decided::Defect(why) => return self.met_defect(number, id, Failure::Defect(why)),
        };
        match made {
            Ok(made) => {
                slot.version += said;
                let state = self
                    .snapshot_due(number)
                    .then(|| instance.snapshot())
                    .flatten();
                self.cache.slot(number).phase = Phase::Ready(instance);
                self.hand_over(number, id, made, state.map(Bytes::from));
            }
            Err(TooLarge(bytes)) => {
                let why =
                    format!("an event of {bytes} bytes is larger than the log takes (900,000)");
                self.met_defect(number, id, Failure::RefusedAsData(why));
            }
        }
    }

    /// The state may have taken in half of something: it is dropped, and what was decided before it goes on.
    pub(super) fn met_defect(&mut self, number: usize, id: Uuid, failure: Failure) {
        if self.is_blank_by_assumption(number) {
            return self.load_after_all(number, id);
        }
        tracing::error!(command_id = %id, %failure, "a command met a defect");
        let slot = self.cache.slot(number);
        slot.phase = Phase::Recalling;
        slot.version_known = false;
        self.stirred.push(number);
        self.end(id, Err(failure));
    }

    fn hand_over(
        &mut self,
        number: usize,
        id: Uuid,
        (mut entry, intent): (Entry, Intent),
        state: Option<Bytes>,
    ) {
        let slot = self.cache.slot(number);
        let flight = self.flights.get_mut(&id).expect("it was just decided");
        // Facts of the command's own stream rest on the aggregate's version as it is: the store looks it up.
        let changes = matches!(intent, Intent::Say(_));
        entry.version_known = changes && slot.version_known;
        slot.version_known |= changes;
        slot.out += 1;
        if let (Some(state), Some(last)) = (state, entry.events.last()) {
            slot.snapshot = (slot.version, state.len() as u64);
            flight.snapshot = Some(NewSnapshot {
                stream: slot.stream.clone(),
                snapshot: Snapshot {
                    version: slot.version,
                    state,
                    schema: slot.kind.state_schema(),
                },
                last_event: last.event_id,
            });
        }
        let run = match &flight.submission().origin {
            Origin::Person => None,
            Origin::Policy(run) => Some(run.clone()),
        };
        flight.hand_over(intent, entry.version);
        self.outbox.push(Handed {
            worker: self.parts.index,
            entry,
            number: slot.number,
            speculation: slot.speculation.clone(),
            run,
        });
    }

    /// Every so many events, and for a large state later: what is written per event stays bounded.
    fn snapshot_due(&mut self, number: usize) -> bool {
        let every = self.parts.shared.options.snapshot_every.max(1);
        let slot = self.cache.slot(number);
        let (last, size) = slot.snapshot;
        slot.version.saturating_sub(last) >= every.max(size / SNAPSHOT_BYTES_PER_EVENT)
    }
}
