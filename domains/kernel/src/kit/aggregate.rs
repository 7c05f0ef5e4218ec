//! A rule in one breath: `given(events).when(command).then(events)`.

use std::fmt::Debug;

use chrono::DateTime;
use event_schemas::event::IntoEvents;
use uuid::Uuid;

use crate::{Actor, Aggregate, Context, Outcome};

/// An aggregate with a history, waiting for a command.
#[derive(Debug)]
pub struct Given<A> {
    state: A,
    context: Context,
}

/// What it answered.
#[derive(Debug)]
pub struct Answered<A: Aggregate> {
    outcome: Outcome<A>,
}

/// An aggregate to which this happened: `()`, one event, or a tuple of events.
pub fn given<A: Aggregate>(history: impl IntoEvents<A::Event>) -> Given<A> {
    let mut state = A::default();
    for event in history.into_events() {
        state.apply(&event);
    }
    Given {
        state,
        context: context(),
    }
}

/// A context with the same moment, person and command id every time.
#[must_use]
pub fn context() -> Context {
    Context {
        now: DateTime::UNIX_EPOCH,
        actor: Actor::new("anne"),
        command_id: Uuid::nil(),
    }
}

impl<A: Aggregate> Given<A> {
    /// Gives the command.
    pub fn when(self, command: A::Command) -> Answered<A> {
        Answered {
            outcome: self.state.decide(command, &self.context).into_outcome(),
        }
    }

    /// The state that the history led to.
    pub fn state(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate + Debug> Answered<A> {
    /// It says exactly this.
    ///
    /// # Panics
    /// When it says anything else.
    #[track_caller]
    pub fn then(self, expected: impl IntoEvents<A::Event>) {
        match self.outcome {
            Outcome::Says(events) => assert_eq!(events, expected.into_events()),
            other => panic!("expected {:?}, got {other:?}", expected.into_events()),
        }
    }

    /// It has nothing to say: everything asked for is so already.
    ///
    /// # Panics
    /// When it says anything or refuses.
    #[track_caller]
    pub fn then_nothing(self) {
        assert!(
            matches!(self.outcome, Outcome::Nothing),
            "expected nothing, got {:?}",
            self.outcome
        );
    }

    /// It refuses, with exactly this reason.
    ///
    /// # Panics
    /// When it says anything, or refuses for another reason.
    #[track_caller]
    pub fn then_refused(self, why: impl Into<A::Rejection>)
    where
        A::Rejection: PartialEq,
    {
        match self.outcome {
            Outcome::Refused(reason) => assert_eq!(reason, why.into()),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}
