//! What an aggregate answers: it says something, it has nothing to say, or it refuses.

use crate::Aggregate;

/// The answer of [`Aggregate::decide`]. Made by [`says`], [`nothing`] and [`refuse`].
pub struct Decision<A: Aggregate> {
    outcome: Outcome<A>,
}

/// A decision taken apart, for whoever carries it out.
#[derive(Debug)]
pub enum Outcome<A: Aggregate> {
    /// These facts, in this order; never empty.
    Says(Vec<A::Event>),
    /// Everything asked for is so already.
    Nothing,
    /// A person hears no, and why.
    Refused(A::Rejection),
}

/// The aggregate says one thing.
pub fn says<A: Aggregate>(event: impl Into<A::Event>) -> Decision<A> {
    Decision {
        outcome: Outcome::Says(vec![event.into()]),
    }
}

/// Everything asked for is so already.
#[must_use]
pub fn nothing<A: Aggregate>() -> Decision<A> {
    Decision {
        outcome: Outcome::Nothing,
    }
}

/// No, and why.
pub fn refuse<A: Aggregate>(why: impl Into<A::Rejection>) -> Decision<A> {
    Decision {
        outcome: Outcome::Refused(why.into()),
    }
}

impl<A: Aggregate> Decision<A> {
    /// And this as well, after what was said. A refusal stays a refusal.
    #[must_use]
    pub fn and(mut self, event: impl Into<A::Event>) -> Self {
        match &mut self.outcome {
            Outcome::Says(events) => events.push(event.into()),
            Outcome::Nothing => self.outcome = Outcome::Says(vec![event.into()]),
            Outcome::Refused(_) => {}
        }
        self
    }

    /// The decision taken apart.
    #[must_use]
    pub fn into_outcome(self) -> Outcome<A> {
        self.outcome
    }
}
