//! What goes into the engine, and what comes out: a command and its one answer.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use kernel::Actor;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Problem;
use crate::ports::Stream;

/// A command without its type: its name, its typed body, and the digest of its meaning.
#[derive(Clone)]
pub struct Command {
    /// Kebab case: `change-address`.
    pub name: &'static str,
    /// SHA-256 of aggregate, id, name and body without personal fields; an id used again for another is seen by it.
    pub digest: [u8; 32],
    /// The typed command, shared by every attempt to decide it.
    pub body: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body may hold personal data.
        f.debug_struct("Command")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Marks all submissions of one run of a policy's key. The engine revokes it the moment one of them ends in anything
/// but stored, or history turns out to be another one than the run heard of; whatever else bears it comes back undone.
#[derive(Clone, Debug)]
pub struct RunToken(Arc<Run>);

#[derive(Debug)]
struct Run {
    is_revoked: AtomicBool,
    history: Uuid,
}

impl RunToken {
    /// A fresh token of a run that answers to events of a history, the incarnation of its store.
    #[must_use]
    pub fn of(history: Uuid) -> Self {
        Self(Arc::new(Run {
            is_revoked: AtomicBool::new(false),
            history,
        }))
    }

    /// A fresh token of the next run, which answers to the same history.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::of(self.0.history)
    }

    /// Nothing that bears it may be stored from now on.
    pub fn revoke(&self) {
        self.0.is_revoked.store(true, Ordering::SeqCst);
    }

    /// Whether both are of the same run.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it was revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.0.is_revoked.load(Ordering::SeqCst)
    }

    /// Whether what bears it may be stored in a history; if not, it never may.
    pub(super) fn may_act_in(&self, history: Uuid) -> bool {
        if self.0.history != history {
            self.revoke();
        }
        !self.is_revoked()
    }
}

/// Who is asking, and what a refusal means to them.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A person: a refusal is a fact and an answer.
    Person,
    /// A policy, timer or worker: a refusal is a defect and leaves no fact.
    Policy(RunToken),
}

/// One command for one aggregate.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The aggregate.
    pub stream: Stream,
    /// What is asked.
    pub command: Command,
    /// Carried out at most once, for ever.
    pub command_id: Uuid,
    /// Who asks.
    pub actor: Actor,
    /// The same from a person's command to the last thing that comes of it.
    pub correlation_id: String,
    /// The event that a policy heard.
    pub causation_id: Option<Uuid>,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The version the caller insists on.
    pub expected_version: Option<u64>,
    /// No later than this the caller hears something.
    pub deadline: Instant,
    /// A person, or a policy's run.
    pub origin: Origin,
}

/// One stored event, as an answer tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The event's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its number in its stream.
    pub sequence: u64,
    /// Its position in the store.
    pub position: u64,
    /// Its JSON.
    pub payload: Bytes,
}

/// What was stored for a command, now or the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What kind of answer it is.
    pub outcome: Answered,
    /// The aggregate's version after it.
    pub version: u64,
    /// The position of the last fact it left.
    pub position: u64,
    /// When the store recorded it.
    pub recorded_at: DateTime<Utc>,
}

/// The three ways to answer a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// These events.
    Said(Vec<Fact>),
    /// Everything asked for was so already (`CommandChangedNothing`).
    Nothing,
    /// A person heard no (`CommandRefused`).
    Refused(Problem),
}

/// Why a command has no answer. Only [`Failure::OutcomeUnknown`] leaves open whether it was carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Too much is waiting; nothing was done.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The store cannot be reached; nothing was done.
    #[error("the event store cannot be reached")]
    Unavailable,
    /// The deadline came before the command was handed to the store; nothing was done.
    #[error("the deadline came before the command's turn")]
    Late,
    /// The deadline came, or the connection was lost, while the store worked on it: ask again with the same id.
    #[error("it is not known whether the command was carried out")]
    OutcomeUnknown,
    /// The id was carried out before, for something else.
    #[error("the command id was used before for something else")]
    CommandIdReused,
    /// The aggregate does not stand at the expected version.
    #[error("the aggregate stands at version {actual}")]
    VersionMismatch {
        /// Where it stands.
        actual: u64,
    },
    /// A policy was refused, which is a defect of the policy or of the aggregate.
    #[error("a policy's command was refused: {}: {}", .0.kind, .0.detail)]
    PolicyRefused(Problem),
    /// Its run was revoked; nothing was done.
    #[error("the run that this command belongs to was revoked")]
    Revoked,
    /// The store will never take these bytes.
    #[error("the store refuses this command's data: {0}")]
    RefusedAsData(String),
    /// `decide` or `apply` panicked or its result cannot be stored; nothing was done.
    #[error("the command met a defect: {0}")]
    Defect(String),
    /// The engine is shutting down; nothing was done.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// History was restored under us; nothing is done until an operator has looked.
    #[error("the store's history was changed under us: {0}")]
    Forked(String),
}

impl Failure {
    /// The failure's name, as metrics bear it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Late => "late",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::CommandIdReused => "command_id_reused",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::PolicyRefused(_) => "policy_refused",
            Self::Revoked => "revoked",
            Self::RefusedAsData(_) => "refused_as_data",
            Self::Defect(_) => "defect",
            Self::ShuttingDown => "shutting_down",
            Self::Forked(_) => "forked",
        }
    }
}

/// What the engine says to a submission.
pub type Outcome = Result<Answer, Failure>;

/// A submission's outcome, still to come. It comes no later than a moment after the deadline.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Outcome>);

impl Pending {
    /// An outcome to come, and where to put it.
    #[must_use]
    pub fn channel() -> (oneshot::Sender<Outcome>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// An outcome that is known already.
    #[must_use]
    pub fn ready(outcome: Outcome) -> Self {
        let (sender, pending) = Self::channel();
        // The receiver is right here.
        let _ = sender.send(outcome);
        pending
    }
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Outcome> {
        // An engine that went away without a word may have stored it.
        Pin::new(&mut self.0)
            .poll(context)
            .map(|said| said.unwrap_or(Err(Failure::OutcomeUnknown)))
    }
}

/// Whatever carries commands out: the engine, or a stand-in where a reaction is tested alone.
pub trait Execute: Send + Sync + 'static {
    /// Takes a command. Never waits: a full queue is an outcome.
    fn submit(&self, submission: Submission) -> Pending;
}
