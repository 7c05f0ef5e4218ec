//! A flight: one command from its arrival until it is answered, and everybody who waits for it.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Fact, Failure, Origin, Outcome, Submission};
use crate::Problem;
use crate::ports::NewSnapshot;

/// Somebody who waits.
pub(super) struct Caller {
    pub(super) submission: Arc<Submission>,
    reply: oneshot::Sender<Outcome>,
    /// Was here when the entry that is under way was handed over: may hear a 409 or 412 that it brings back.
    pub(super) saw_it_go: bool,
}

impl Caller {
    pub(super) fn new(submission: Submission, reply: oneshot::Sender<Outcome>) -> Self {
        Self {
            submission: Arc::new(submission),
            reply,
            saw_it_go: false,
        }
    }

    /// Says how it ended. A policy's run ends with the first of its commands that is not stored.
    pub(super) fn hear(self, outcome: Outcome) {
        if outcome.is_err()
            && let Origin::Policy(run) = &self.submission.origin
        {
            run.revoke();
        }
        // Whoever asked may have gone away; then nobody needs to know.
        let _ = self.reply.send(outcome);
    }

    pub(super) fn is_revoked(&self) -> bool {
        matches!(&self.submission.origin, Origin::Policy(run) if run.is_revoked())
    }
}

/// What an entry says once it stands in the store.
#[derive(Debug)]
pub(super) enum Intent {
    /// These facts, their positions still to be given.
    Say(Vec<Fact>),
    /// Nothing to say.
    Nothing,
    /// A person is refused.
    Refuse(Problem),
    /// A check only: the expected version is not the aggregate's.
    Mismatch,
    /// A check only: a policy is refused.
    RefusePolicy(Problem),
}

/// One command on its way.
pub(super) struct Flight {
    /// Everybody who waits; the first one's submission is the one that is carried out.
    pub(super) callers: Vec<Caller>,
    /// The same id with another meaning: judged anew when this one has ended.
    pub(super) others: Vec<Caller>,
    /// The slot of its aggregate.
    pub(super) slot: usize,
    /// Orders what is sent back: arrival at this worker.
    pub(super) arrival: u64,
    /// What it says when its entry stands; none while no entry is under way.
    pub(super) intent: Option<Intent>,
    /// The version it was decided on.
    pub(super) decided_on: u64,
    /// The state at the version after it, to be kept once it stands.
    pub(super) snapshot: Option<NewSnapshot>,
    /// An entry was handed to the batcher at least once: silence no longer means "not done".
    pub(super) was_handed: bool,
}

impl Flight {
    pub(super) fn submission(&self) -> &Arc<Submission> {
        &self.callers[0].submission
    }

    /// Lets go of callers whose time is up or whose run was revoked. What they hear depends on whether the command
    /// may still be stored: it was handed over, or somebody else waits for it.
    pub(super) fn expire(&mut self, now: Instant) {
        let gone = |caller: &Caller| caller.submission.deadline <= now || caller.is_revoked();
        let may_be_stored = self.was_handed || !self.callers.iter().all(gone);
        for caller in self.callers.extract_if(.., |caller| gone(caller)) {
            let why = if caller.is_revoked() && !may_be_stored {
                Failure::Revoked
            } else if may_be_stored {
                Failure::OutcomeUnknown
            } else {
                Failure::Late
            };
            caller.hear(Err(why));
        }
        for caller in self.others.extract_if(.., |caller| gone(caller)) {
            caller.hear(Err(Failure::Late));
        }
    }

    /// Before an entry is handed over: notes who is here to see it go.
    pub(super) fn hand_over(&mut self, intent: Intent, decided_on: u64) {
        for caller in &mut self.callers {
            caller.saw_it_go = true;
        }
        self.intent = Some(intent);
        self.decided_on = decided_on;
        self.was_handed = true;
    }
}
