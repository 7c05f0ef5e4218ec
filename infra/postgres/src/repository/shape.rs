//! How an event's JSON lies in the store, and how cqrs-es wants it.

use cqrs_es::persist::{PersistenceError, SerializedEvent};
use event_schemas::EventList;
use jangbu_runtime::root::RootEvent;
use kernel::Aggregate;
use serde_json::Value;

/// Decided when the repository is made.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// As cqrs-es wrote it.
    Plain,
    /// The event's own object in the store; in an object with its name for cqrs-es, which decodes from the payload alone.
    Ours { wrap: Wrap, unwrap: Unwrap },
}

/// Name, version and payload to what [`RootEvent`] reads, in today's version.
type Wrap = fn(&str, &str, &Value) -> Result<Value, PersistenceError>;
/// What [`RootEvent`] writes to the bytes that the engine would store.
type Unwrap = fn(&Value) -> Result<Vec<u8>, PersistenceError>;

impl Shape {
    pub(super) fn ours<A: Aggregate>() -> Self {
        Self::Ours {
            wrap: wrap::<A::Event>,
            unwrap: unwrap::<A::Event>,
        }
    }

    /// An event as cqrs-es wants it.
    pub(super) fn read(
        self,
        mut event: SerializedEvent,
    ) -> Result<SerializedEvent, PersistenceError> {
        if let Self::Ours { wrap, .. } = self {
            event.payload = wrap(&event.event_type, &event.event_version, &event.payload)?;
        }
        Ok(event)
    }

    /// The bytes to store of a payload that cqrs-es gives.
    pub(super) fn write(self, payload: &Value) -> Result<Vec<u8>, PersistenceError> {
        match self {
            Self::Plain => Ok(serde_json::to_vec(payload)?),
            Self::Ours { unwrap, .. } => unwrap(payload),
        }
    }
}

fn wrap<L: EventList>(
    name: &str,
    version: &str,
    payload: &Value,
) -> Result<Value, PersistenceError> {
    let event = L::from_payload(name, version, &serde_json::to_vec(payload)?);
    let event = event.map_err(|error| PersistenceError::DeserializationError(Box::new(error)))?;
    Ok(serde_json::to_value(RootEvent(event))?)
}

fn unwrap<L: EventList>(payload: &Value) -> Result<Vec<u8>, PersistenceError> {
    let RootEvent(event) = serde_json::from_value::<RootEvent<L>>(payload.clone())?;
    Ok(event.to_payload()?)
}
