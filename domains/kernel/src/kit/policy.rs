//! A sentence of the process in one breath: `whenever(id, event).by(policy).asks(…)`.

use chrono::DateTime;
use event_schemas::Event;

use crate::{Aggregate, Asks, Heard};

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
