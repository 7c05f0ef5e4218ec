//! An event in a lane: whom it owes a reaction, how far each came, and what went wrong.

use event_schemas::Envelope;

use crate::execute::Failure;
use crate::ports::LogRecord;

/// One event in a lane.
pub(super) struct Item {
    /// Its number in the partition's track.
    pub(super) number: u64,
    pub(super) told: Envelope,
    /// What the record said was before it in its partition.
    pub(super) previous: u64,
    /// The record as it was read; none if it came from the store.
    pub(super) record: Option<LogRecord>,
    /// Whom it owes a reaction.
    pub(super) owed: Vec<Owed>,
    /// This binary knows an event of that name.
    pub(super) is_known: bool,
    /// It was counted among those that were parked.
    pub(super) is_counted: bool,
    pub(super) fault: Option<Fault>,
}

/// One policy's reaction to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    /// Index among the context's policies.
    pub(super) policy: usize,
    /// Submissions without an answer.
    pub(super) waiting: u32,
    pub(super) state: Reaction,
}

/// How far a reaction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Not submitted in this run.
    Open,
    /// Submitted; nothing bad was heard so far.
    Asked,
    /// Something did not get stored.
    Failed,
    /// All that it asked for is stored.
    Served,
}

/// Why an event is not finished.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It may go better next time.
    Again(Failure),
    /// It will not: park it.
    Never {
        /// Why.
        why: String,
        /// A newer binary may understand it.
        is_unknown: bool,
    },
}

impl Fault {
    pub(super) fn of(failure: Failure) -> Self {
        match failure {
            Failure::Overloaded
            | Failure::Unavailable
            | Failure::Late
            | Failure::OutcomeUnknown
            | Failure::Revoked
            | Failure::ShuttingDown
            | Failure::Forked(_) => Self::Again(failure),
            Failure::CommandIdReused
            | Failure::VersionMismatch { .. }
            | Failure::PolicyRefused(_)
            | Failure::RefusedAsData(_)
            | Failure::Defect(_) => Self::Never {
                why: failure.to_string(),
                is_unknown: false,
            },
        }
    }

    /// Of several faults of one event the one that says most about it counts.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Self::Again(Failure::Revoked) => 0,
            Self::Again(Failure::Late | Failure::OutcomeUnknown) => 2,
            Self::Again(_) => 1,
            Self::Never { .. } => 3,
        }
    }

    /// A full queue, a restart, a fork or a sibling's failure say nothing about the event.
    pub(super) fn counts(&self) -> bool {
        self.weight() >= 2
    }
}

impl Item {
    /// What it weighs in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        const BESIDE_THE_PAYLOAD: usize = 1_024;
        self.told.payload.len() + BESIDE_THE_PAYLOAD
    }

    pub(super) fn note(&mut self, fault: Fault) {
        if self
            .fault
            .as_ref()
            .is_none_or(|known| known.weight() < fault.weight())
        {
            self.fault = Some(fault);
        }
    }

    /// Indices of the policies that have not been served.
    pub(super) fn unserved(&self) -> impl Iterator<Item = usize> {
        self.owed
            .iter()
            .filter(|owed| owed.state != Reaction::Served)
            .map(|owed| owed.policy)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.fault.is_none() && self.unserved().next().is_none()
    }

    pub(super) fn begin_again(&mut self) {
        self.fault = None;
        for owed in &mut self.owed {
            if owed.state != Reaction::Served {
                owed.state = Reaction::Open;
            }
        }
    }
}
