//! A policy: whenever X, then ask Y. Pure, and without memory.

use chrono::{DateTime, Utc};
use event_schemas::{Envelope, Spoken};

use crate::Aggregate;
use crate::view::HearError;

/// What a policy knows of an event beside its content: who said it, where it stands, and when it was recorded.
#[derive(Clone, Debug)]
pub struct Heard<E: Spoken> {
    id: E::Id,
    position: u64,
    recorded_at: DateTime<Utc>,
}

impl<E: Spoken> Heard<E> {
    /// What was heard, from its parts.
    pub fn new(id: E::Id, position: u64, recorded_at: DateTime<Utc>) -> Self {
        Self {
            id,
            position,
            recorded_at,
        }
    }

    /// What was heard, from the envelope it came in.
    ///
    /// # Errors
    /// The stream's id is not of the aggregate's kind.
    pub fn of(aggregate: &'static str, told: &Envelope) -> Result<Self, HearError> {
        let id = told
            .id
            .parse()
            .map_err(|why: <E::Id as std::str::FromStr>::Err| HearError::Id {
                aggregate,
                id: told.id.clone(),
                why: why.to_string(),
            })?;
        Ok(Self::new(id, told.position, told.recorded_at))
    }

    /// The id of the aggregate that spoke.
    #[must_use]
    pub fn id(&self) -> E::Id {
        self.id.clone()
    }

    /// The event's position in its store.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the store recorded it.
    #[must_use]
    pub fn recorded_at(&self) -> DateTime<Utc> {
        self.recorded_at
    }
}

/// One thing a policy asks of one aggregate of its own context.
#[derive(Clone, Debug)]
pub struct Ask<A: Aggregate> {
    /// Whom.
    pub id: A::Id,
    /// What.
    pub command: A::Command,
}

/// Asks one thing of one aggregate.
pub fn ask<A: Aggregate>(id: &A::Id, command: A::Command) -> Ask<A> {
    Ask {
        id: id.clone(),
        command,
    }
}

/// All that a policy asks on hearing one event; nothing is fine.
#[derive(Clone, Debug)]
pub struct Asks<A: Aggregate>(Vec<Ask<A>>);

impl<A: Aggregate> Asks<A> {
    /// Nothing is asked this time.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }
}

impl<A: Aggregate> From<Ask<A>> for Asks<A> {
    fn from(ask: Ask<A>) -> Self {
        Self(vec![ask])
    }
}

impl<A: Aggregate> FromIterator<Ask<A>> for Asks<A> {
    fn from_iter<I: IntoIterator<Item = Ask<A>>>(asks: I) -> Self {
        Self(asks.into_iter().collect())
    }
}

impl<A: Aggregate> IntoIterator for Asks<A> {
    type Item = Ask<A>;
    type IntoIter = std::vec::IntoIter<Ask<A>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
