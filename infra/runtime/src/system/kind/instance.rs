//! One aggregate in memory: its state, which decides and takes in events.

use std::sync::Arc;

use bytes::Bytes;
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate as _, DomainEvent};
use event_schemas::{DecodeError, Envelope, EventList};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Aggregate, Context};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use tokio::task::unconstrained;

use crate::Problem;
use crate::execute::Command;
use crate::root::{Root, RootCommand, RootError};

/// One event that was said, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its version, as text.
    pub version: Cow<'static, str>,
    /// Its JSON.
    pub payload: Bytes,
}

/// What came of a decision.
#[derive(Debug)]
pub enum Decided {
    /// These events; the state has taken them in.
    Said(Vec<Said>),
    /// Nothing; the state is as it was.
    Nothing,
    /// No; the state is as it was.
    Refused(Problem),
    /// Its answer cannot be written down, or the command is of another kind. The state is not to be used again.
    Defect(String),
}

/// A decision, or one that waits for something outside (plain cqrs-es aggregates may).
pub enum Deciding {
    /// Taken.
    Now(Box<dyn Instance>, Decided),
    /// Under way; the instance comes back with it.
    Later(BoxFuture<'static, (Box<dyn Instance>, Decided)>),
}

/// One aggregate in memory.
pub trait Instance: Send {
    /// Takes in a stored event.
    ///
    /// # Errors
    /// This binary cannot read it.
    fn apply(&mut self, event: &Envelope) -> Result<(), Unreadable>;
    /// Decides a command, and takes in what it says.
    fn decide(self: Box<Self>, command: &Command, context: Context) -> Deciding;
    /// The state as JSON, for a snapshot.
    fn snapshot(&self) -> Option<Vec<u8>>;
}

/// A stored event that this binary cannot read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// One of ours.
    #[error(transparent)]
    Ours(#[from] DecodeError),
    /// One of a plain cqrs-es aggregate.
    #[error("event {name} cannot be read")]
    Plain {
        /// Its name.
        name: String,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
}

pub(super) struct Ours<A: Aggregate>(pub(super) Root<A>);

impl<A: Aggregate> Instance for Ours<A> {
    fn apply(&mut self, event: &Envelope) -> Result<(), Unreadable> {
        self.0.state_mut().apply(&A::Event::from_payload(
            &event.name,
            &event.version,
            &event.payload,
        )?);
        Ok(())
    }

    fn decide(mut self: Box<Self>, command: &Command, context: Context) -> Deciding {
        let Some(command) = command.body.downcast_ref::<A::Command>() else {
            return Deciding::Now(
                self,
                Decided::Defect(format!("not a command of {}", A::NAME)),
            );
        };
        let command = RootCommand {
            command: command.clone(),
            context,
        };
        let sink = EventSink::default();
        // cqrs-es's sink is behind tokio's mutex, which makes every 128th lock of a task wait to be fair to
        // others: a decision is not a task, so it is taken without that budget.
        let handled = unconstrained(self.0.handle(command, &(), &sink))
            .now_or_never()
            .expect("a kernel aggregate decides without waiting");
        let decided = match handled {
            Ok(()) => {
                let events = sink
                    .collect()
                    .now_or_never()
                    .expect("collecting does not wait");
                said(events.iter().map(|event| {
                    let kind = event.0.event_type();
                    event.0.to_payload().map(|payload| Said {
                        name: Cow::Borrowed(kind.name),
                        version: version_text(kind.version),
                        payload: payload.into(),
                    })
                }))
            }
            Err(RootError(rejection)) => Decided::Refused(Problem::from_rejection(&rejection)),
        };
        Deciding::Now(self, decided)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.0).ok()
    }
}

/// Nearly every event is version 1.
fn version_text(version: u32) -> Cow<'static, str> {
    match version {
        1 => Cow::Borrowed("1"),
        2 => Cow::Borrowed("2"),
        other => Cow::Owned(other.to_string()),
    }
}

fn said(events: impl Iterator<Item = Result<Said, serde_json::Error>>) -> Decided {
    match events.collect::<Result<Vec<_>, _>>() {
        Ok(events) if events.is_empty() => Decided::Nothing,
        Ok(events) => Decided::Said(events),
        Err(error) => Decided::Defect(format!("an event cannot be written as JSON: {error}")),
    }
}

pub(super) struct Plain<A: cqrs_es::Aggregate> {
    pub(super) state: A,
    pub(super) services: Arc<A::Services>,
}

impl<A> Instance for Plain<A>
where
    A: cqrs_es::Aggregate + 'static,
    A::Command: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    A::Services: 'static,
    A::Event: 'static,
{
    fn apply(&mut self, event: &Envelope) -> Result<(), Unreadable> {
        let event = serde_json::from_slice(&event.payload).map_err(|source| Unreadable::Plain {
            name: event.name.to_string(),
            source,
        })?;
        self.state.apply(event);
        Ok(())
    }

    fn decide(self: Box<Self>, command: &Command, _: Context) -> Deciding {
        let Some(command) = command.body.downcast_ref::<A::Command>().cloned() else {
            return Deciding::Now(
                self,
                Decided::Defect(format!("not a command of {}", A::TYPE)),
            );
        };
        let mut deciding: BoxFuture<'static, _> = Box::pin(handle_plain(self, command));
        match deciding.as_mut().now_or_never() {
            Some((instance, decided)) => Deciding::Now(instance, decided),
            None => Deciding::Later(deciding),
        }
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.state).ok()
    }
}

/// A plain aggregate applies its events while it handles, and may refuse after that: it works on a copy (made the way
/// cqrs-es itself makes one, through serde), so that a refused command leaves nothing behind.
async fn handle_plain<A>(
    mut held: Box<Plain<A>>,
    command: A::Command,
) -> (Box<dyn Instance>, Decided)
where
    A: cqrs_es::Aggregate + 'static,
    A::Command: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
    A::Services: 'static,
    A::Event: 'static,
{
    let copy =
        serde_json::to_vec(&held.state).and_then(|state| serde_json::from_slice::<A>(&state));
    let mut state = match copy {
        Ok(state) => state,
        Err(error) => {
            return (
                held,
                Decided::Defect(format!("the state cannot be copied: {error}")),
            );
        }
    };
    let sink = EventSink::default();
    // The error need not be sendable, so it becomes words before anything else is awaited.
    let handled = state
        .handle(command, &held.services, &sink)
        .await
        .map_err(|error| error.to_string());
    let decided = match handled {
        Ok(()) => {
            held.state = state;
            let events = sink.collect().await;
            said(events.iter().map(|event| {
                serde_json::to_vec(event).map(|payload| Said {
                    name: Cow::Owned(event.event_type()),
                    version: Cow::Owned(event.event_version()),
                    payload: payload.into(),
                })
            }))
        }
        Err(why) => Decided::Refused(Problem::new("rejected", why)),
    };
    (held, decided)
}
