//! What an event is, and the one list per aggregate from which everything about its events is made.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The typed id of an aggregate; its text is the stream id, the Kafka key and the URL segment.
pub trait AggregateId:
    Clone + Debug + Display + Eq + Hash + Ord + FromStr<Err: std::error::Error> + Send + Sync + 'static
{
}

impl<T> AggregateId for T where
    T: Clone
        + Debug
        + Display
        + Eq
        + Hash
        + Ord
        + FromStr<Err: std::error::Error>
        + Send
        + Sync
        + 'static
{
}

/// Whatever is said by an aggregate with a typed id: a single event, or the list of all its events.
pub trait Spoken {
    /// The id of the aggregate that speaks.
    type Id: AggregateId;
}

/// One kind of event: a past fact with a name and a version.
pub trait Event:
    Spoken
    + Clone
    + Debug
    + PartialEq
    + Serialize
    + DeserializeOwned
    + JsonSchema
    + Send
    + Sync
    + 'static
{
    /// The list of the aggregate that says it.
    type List: EventList + Spoken<Id = Self::Id> + From<Self>;
    /// Its name, as stored and as on the wire: `StockHeld`.
    const NAME: &'static str;
    /// The version that is written today, from 1.
    const VERSION: u32;
}

/// Name and version of a kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType {
    /// `StockHeld`
    pub name: &'static str,
    /// From 1.
    pub version: u32,
}

/// All events of one aggregate. Made by [`events!`](crate::events), never by hand.
pub trait EventList: Spoken + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The aggregate's name: stream, topic, URL segment.
    const AGGREGATE: &'static str;
    /// Every kind of event in the list, with the version written today.
    const EVENTS: &'static [EventType];

    /// Which kind this one is.
    fn event_type(&self) -> EventType;

    /// The payload as it is stored and sent: the event's own JSON object, with no wrapper around it.
    ///
    /// # Errors
    /// Only where an event's own serialisation fails (a map with keys that are no text, say).
    fn to_payload(&self) -> Result<Vec<u8>, serde_json::Error>;

    /// Reads a stored or received payload.
    ///
    /// # Errors
    /// [`DecodeError`] names what is unknown or malformed.
    fn from_payload(name: &str, version: &str, payload: &[u8]) -> Result<Self, DecodeError>;

    /// The JSON schema of each kind, in the order of [`Self::EVENTS`].
    fn schemas(generator: &mut SchemaGenerator) -> Vec<(EventType, Schema)>;
}

/// Nothing, one event, or a tuple of events in order: how tests and builders write histories.
pub trait IntoEvents<L> {
    /// As a list.
    fn into_events(self) -> Vec<L>;
}

impl<L> IntoEvents<L> for () {
    fn into_events(self) -> Vec<L> {
        Vec::new()
    }
}

impl<L> IntoEvents<L> for Vec<L> {
    fn into_events(self) -> Vec<L> {
        self
    }
}

macro_rules! tuples_into_events {
    ($(($($event:ident),+))+) => {$(
        impl<L, $($event: Into<L>),+> IntoEvents<L> for ($($event,)+) {
            fn into_events(self) -> Vec<L> {
                #[expect(non_snake_case, reason = "the tuple's fields bear the names of their types")]
                let ($($event,)+) = self;
                vec![$($event.into()),+]
            }
        }
    )+};
}

tuples_into_events! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) }

/// Why a stored or received event cannot be understood by this binary.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The aggregate has no event of that name here: a newer binary wrote it, or nobody did.
    #[error("{aggregate} has no event named {name:?}")]
    UnknownEvent {
        /// The aggregate's name.
        aggregate: &'static str,
        /// The name that was read.
        name: String,
    },
    /// The name is known, the version is not.
    #[error("{aggregate} event {name} has no version {version:?}")]
    UnknownVersion {
        /// The aggregate's name.
        aggregate: &'static str,
        /// The event's name.
        name: &'static str,
        /// The version that was read.
        version: String,
    },
    /// Name and version are known, the payload is not of their shape.
    #[error("{aggregate} event {name} version {version} is malformed")]
    Malformed {
        /// The aggregate's name.
        aggregate: &'static str,
        /// The event's name.
        name: &'static str,
        /// The version that was read.
        version: u32,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
}

impl DecodeError {
    /// True when a newer binary may understand it: such an event waits, it is not broken.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        !matches!(self, Self::Malformed { .. })
    }
}

/// Lists the events of an aggregate: the one registry from which decoding, schemas and samples are made.
///
/// `events! { StockEvent of "stock" by Sku: StockReceived v1, StockHeld v1 }`
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* $list:ident of $aggregate:literal by $id:ty: $($event:ident $version:ident),+ $(,)?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $list {
            $(
                #[doc = concat!("See [`", stringify!($event), "`].")]
                $event($event),
            )+
        }

        $(
            impl From<$event> for $list {
                fn from(event: $event) -> Self {
                    Self::$event(event)
                }
            }

            impl $crate::event::IntoEvents<$list> for $event {
                fn into_events(self) -> Vec<$list> {
                    vec![self.into()]
                }
            }

            impl $crate::Spoken for $event {
                type Id = $id;
            }

            impl $crate::Event for $event {
                type List = $list;
                const NAME: &'static str = stringify!($event);
                const VERSION: u32 = $crate::event::version_of(stringify!($version));
            }
        )+

        impl $crate::Spoken for $list {
            type Id = $id;
        }

        impl $crate::EventList for $list {
            const AGGREGATE: &'static str = $aggregate;
            const EVENTS: &'static [$crate::EventType] = &[$(
                $crate::EventType {
                    name: <$event as $crate::Event>::NAME,
                    version: <$event as $crate::Event>::VERSION,
                },
            )+];

            fn event_type(&self) -> $crate::EventType {
                match self {
                    $(Self::$event(_) => $crate::event::type_of::<$event>(),)+
                }
            }

            fn to_payload(&self) -> Result<Vec<u8>, ::serde_json::Error> {
                match self {
                    $(Self::$event(event) => ::serde_json::to_vec(event),)+
                }
            }

            fn from_payload(name: &str, version: &str, payload: &[u8]) -> Result<Self, $crate::DecodeError> {
                match name {
                    $(<$event as $crate::Event>::NAME => {
                        $crate::event::read::<$event>(version, payload).map(Self::$event)
                    })+
                    _ => Err($crate::DecodeError::UnknownEvent { aggregate: $aggregate, name: name.to_owned() }),
                }
            }

            fn schemas(generator: &mut ::schemars::SchemaGenerator) -> Vec<($crate::EventType, ::schemars::Schema)> {
                vec![$(($crate::event::type_of::<$event>(), generator.subschema_for::<$event>()),)+]
            }
        }
    };
}

/// The kind of an event, from its type.
#[must_use]
pub const fn type_of<E: Event>() -> EventType {
    EventType {
        name: E::NAME,
        version: E::VERSION,
    }
}

/// Reads a payload of a known kind.
///
/// # Errors
/// [`DecodeError`] for another version or a payload of another shape.
pub fn read<E: Event>(version: &str, payload: &[u8]) -> Result<E, DecodeError> {
    if version.parse() != Ok(E::VERSION) {
        return Err(DecodeError::UnknownVersion {
            aggregate: E::List::AGGREGATE,
            name: E::NAME,
            version: version.to_owned(),
        });
    }
    serde_json::from_slice(payload).map_err(|source| DecodeError::Malformed {
        aggregate: E::List::AGGREGATE,
        name: E::NAME,
        version: E::VERSION,
        source,
    })
}

/// `v1` is 1. Evaluated while compiling, so that a list with a wrong version does not build.
#[must_use]
pub const fn version_of(text: &str) -> u32 {
    let bytes = text.as_bytes();
    assert!(
        bytes.len() >= 2 && bytes[0] == b'v',
        "a version is written v1, v2, …"
    );
    let (mut at, mut version) = (1, 0);
    while at < bytes.len() {
        assert!(bytes[at].is_ascii_digit(), "a version is written v1, v2, …");
        version = version * 10 + (bytes[at] - b'0') as u32;
        at += 1;
    }
    assert!(version > 0, "versions start at 1");
    version
}
