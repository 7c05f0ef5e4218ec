//! The test kit of a domain: `given(events).when(command).then(events)`, and for a policy
//! `whenever(id, event).by(policy).asks(…)`: one breath a rule.

use std::fmt::Debug;

use chrono::DateTime;
use event_schemas::Event;
use event_schemas::event::IntoEvents;
use uuid::Uuid;

use crate::{Actor, Aggregate, Asks, Context, Heard, Outcome};

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

/// An event that was heard, waiting for a policy.
#[derive(Debug)]
pub struct Whenever<E: Event> {
    event: E,
    heard: Heard<E>,
}

/// What a policy asked.
#[derive(Debug)]
pub struct Asked<A: Aggregate>(Asks<A>);

/// An event said by the aggregate with that id.
pub fn whenever<E: Event>(id: E::Id, event: E) -> Whenever<E> {
    Whenever {
        event,
        heard: Heard::new(id, 1, DateTime::UNIX_EPOCH),
    }
}

impl<E: Event> Whenever<E> {
    /// Lets a policy hear it.
    pub fn by<A: Aggregate>(self, policy: impl Fn(&E, &Heard<E>) -> Asks<A>) -> Asked<A> {
        Asked(policy(&self.event, &self.heard))
    }
}

impl<A: Aggregate<Command: PartialEq>> Asked<A> {
    /// It asks exactly this, in this order.
    ///
    /// # Panics
    /// When it asks anything else.
    #[track_caller]
    pub fn asks(self, expected: impl IntoIterator<Item = (A::Id, A::Command)>) {
        let asked: Vec<_> = self
            .0
            .into_iter()
            .map(|ask| (ask.id, ask.command))
            .collect();
        assert_eq!(asked, expected.into_iter().collect::<Vec<_>>());
    }

    /// It asks nothing.
    ///
    /// # Panics
    /// When it asks anything.
    #[track_caller]
    pub fn asks_nothing(self) {
        self.asks([]);
    }
}
