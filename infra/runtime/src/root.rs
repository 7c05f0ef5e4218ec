//! Where the grammar meets cqrs-es: a kernel aggregate as a `cqrs_es::Aggregate`.
//!
//! The engine executes any `cqrs_es::Aggregate`; ours reach it through [`Root`], and run under
//! `cqrs_es::CqrsFramework` as well.

use std::collections::BTreeMap;
use std::fmt;

use cqrs_es::DomainEvent;
use cqrs_es::event_sink::EventSink;
use event_schemas::EventList;
use kernel::{Aggregate, Context, Outcome};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kernel aggregate, seen by cqrs-es.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Root<A> {
    state: A,
}

impl<A> Root<A> {
    /// The aggregate's state.
    pub fn state(&self) -> &A {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut A {
        &mut self.state
    }
}

/// A command together with what it may know of the world.
#[derive(Clone, Debug)]
pub struct RootCommand<A: Aggregate> {
    /// The command.
    pub command: A::Command,
    /// Time, actor, command id.
    pub context: Context,
}

/// A rejection, as cqrs-es wants errors to be.
#[derive(Debug)]
pub struct RootError<R>(pub R);

impl<R: fmt::Display> fmt::Display for RootError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<R: std::error::Error> std::error::Error for RootError<R> {}

/// An event in the one shape cqrs-es knows: `{"StockHeld": {…}}`, decoded from the payload alone. In the store it is
/// the inner object; the repository of infra/postgres wraps and unwraps.
#[derive(Clone, Debug, PartialEq)]
pub struct RootEvent<L>(pub L);

impl<L: EventList> Serialize for RootEvent<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let payload = self.0.to_payload().map_err(S::Error::custom)?;
        let payload: serde_json::Value =
            serde_json::from_slice(&payload).map_err(S::Error::custom)?;
        serializer.collect_map([(self.0.event_type().name, payload)])
    }
}

impl<'de, L: EventList> Deserialize<'de> for RootEvent<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrapped = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let mut entries = wrapped.into_iter();
        let (Some((name, payload)), None) = (entries.next(), entries.next()) else {
            return Err(D::Error::custom(
                "an event is an object with one field, its name",
            ));
        };
        let version = L::EVENTS
            .iter()
            .find(|kind| kind.name == name)
            .map_or(1, |kind| kind.version);
        let payload = serde_json::to_vec(&payload).map_err(D::Error::custom)?;
        L::from_payload(&name, &version.to_string(), &payload)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

impl<L: EventList> DomainEvent for RootEvent<L> {
    fn event_type(&self) -> String {
        self.0.event_type().name.to_owned()
    }

    fn event_version(&self) -> String {
        self.0.event_type().version.to_string()
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Root<A> {
    const TYPE: &'static str = A::NAME;
    type Command = RootCommand<A>;
    type Event = RootEvent<A::Event>;
    type Error = RootError<A::Rejection>;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        match self
            .state
            .decide(command.command, &command.context)
            .into_outcome()
        {
            Outcome::Says(events) => {
                for event in events {
                    sink.write(RootEvent(event), self).await;
                }
                Ok(())
            }
            Outcome::Nothing => Ok(()),
            Outcome::Refused(why) => Err(RootError(why)),
        }
    }

    fn apply(&mut self, event: Self::Event) {
        self.state.apply(&event.0);
    }
}
