//! A policy without its types: an event's bytes go in, commands with their ids come out.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use event_schemas::{DecodeError, Envelope, Event, EventList, EventType};
use kernel::{Aggregate, Asks, Heard};
use uuid::Uuid;

use super::kind::erase;
use crate::execute::Command;
use crate::ports::Stream;

/// The namespace of policies' command ids. Never changes: ids given years ago are made of it.
const COMMAND_IDS: Uuid = Uuid::from_u128(0x6a61_6e67_6275_5070_6f6c_6963_7943_6d64);

/// One thing a policy asks, ready to be submitted.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whom.
    pub stream: Stream,
    /// What.
    pub command: Command,
    /// The same at every delivery of the event.
    pub command_id: Uuid,
}

/// Why a policy did not react.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// This binary cannot read the event.
    #[error("event cannot be read")]
    Unreadable(#[from] DecodeError),
    /// The stream's id is not of the aggregate's kind.
    #[error("event cannot be heard: {0}")]
    Unheard(String),
    /// The policy panicked.
    #[error("policy panicked: {0}")]
    Panicked(String),
}

type React = dyn Fn(&Envelope) -> Result<Vec<(Stream, Command)>, PolicyError> + Send + Sync;

/// Whenever X, ask Y.
pub struct Policy {
    name: &'static str,
    hears: (&'static str, &'static str),
    heard_list: &'static [EventType],
    asks: &'static str,
    from_the_beginning: bool,
    react: Box<React>,
}

impl Policy {
    pub(super) fn new<E: Event, A: Aggregate>(
        name: &'static str,
        policy: fn(&E, &Heard<E>) -> Asks<A>,
    ) -> Self {
        let react = move |told: &Envelope| {
            let event: E = event_schemas::event::read(&told.version, &told.payload)?;
            let heard = Heard::<E>::of(E::List::AGGREGATE, told)
                .map_err(|why| PolicyError::Unheard(why.to_string()))?;
            let asks = catch_unwind(AssertUnwindSafe(|| policy(&event, &heard)))
                .map_err(|panic| PolicyError::Panicked(crate::panic_message(&*panic)))?;
            Ok(asks
                .into_iter()
                .map(|ask| {
                    let id = ask.id.to_string();
                    let command = erase(A::NAME, &id, ask.command);
                    (Stream::new(A::NAME, id), command)
                })
                .collect())
        };
        Self {
            name,
            hears: (E::List::AGGREGATE, E::NAME),
            heard_list: E::List::EVENTS,
            asks: A::NAME,
            from_the_beginning: false,
            react: Box::new(react),
        }
    }

    /// Its name, which command ids and progress are made of.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The aggregate and the event it listens to.
    #[must_use]
    pub fn hears(&self) -> (&'static str, &'static str) {
        self.hears
    }

    /// Every event that this binary knows of the aggregate it listens to.
    #[must_use]
    pub fn heard_list(&self) -> &'static [EventType] {
        self.heard_list
    }

    /// Whether it hears all of history when it is first registered, and not only what comes after.
    #[must_use]
    pub fn is_from_the_beginning(&self) -> bool {
        self.from_the_beginning
    }

    pub(super) fn hear_from_the_beginning(&mut self) {
        self.from_the_beginning = true;
    }

    /// The aggregate it asks.
    #[must_use]
    pub fn asks(&self) -> &'static str {
        self.asks
    }

    /// Whether it listens to this event.
    #[must_use]
    pub fn listens(&self, aggregate: &str, event: &str) -> bool {
        self.hears == (aggregate, event)
    }

    /// What it asks on hearing an event it listens to.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub fn react(&self, told: &Envelope) -> Result<Vec<Asked>, PolicyError> {
        let asks = (self.react)(told)?;
        // The n-th of that kind for that target, so that an id stays when the policy comes to ask for more.
        let mut counts: HashMap<(Stream, &'static str), u32> = HashMap::new();
        Ok(asks
            .into_iter()
            .map(|(stream, command)| {
                let count = counts.entry((stream.clone(), command.name)).or_default();
                let nth = *count;
                *count += 1;
                Asked {
                    command_id: command_id(self.name, told.event_id, &stream, command.name, nth),
                    stream,
                    command,
                }
            })
            .collect())
    }
}

/// `uuid_v5(policy, event id, target type, target id, command name, n-th of that kind)`. Each part bears its length,
/// so that no two lists of parts read the same.
fn command_id(policy: &str, event: Uuid, target: &Stream, command: &str, nth: u32) -> Uuid {
    let mut name = Vec::with_capacity(128);
    for part in [
        policy.as_bytes(),
        event.as_bytes(),
        target.aggregate.as_bytes(),
        target.id.as_bytes(),
        command.as_bytes(),
    ] {
        name.extend_from_slice(
            &u32::try_from(part.len())
                .expect("a name is short")
                .to_be_bytes(),
        );
        name.extend_from_slice(part);
    }
    name.extend_from_slice(&nth.to_be_bytes());
    Uuid::new_v5(&COMMAND_IDS, &name)
}
