//! The event as CloudEvents structured JSON: what `GET /events` answers with.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{CONTENT_TYPE, SPEC_VERSION, TYPE_PREFIX, write_time};
use crate::envelope::Travelling;
use crate::{Envelope, Source};

/// One event; serialise it. Every attribute is text, `data` is the payload as it was stored.
#[derive(Debug)]
pub struct Structured<'e> {
    told: &'e Envelope,
    source: &'e Source,
    previous: Option<u64>,
}

impl<'e> Structured<'e> {
    /// An event of a source. `previous` stands where the reader of the store knows the event's partition in the log.
    #[must_use]
    pub fn new(told: &'e Envelope, source: &'e Source, previous: Option<u64>) -> Self {
        Self {
            told,
            source,
            previous,
        }
    }
}

#[derive(Serialize)]
struct Attributes<'e> {
    specversion: &'static str,
    id: String,
    time: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    datacontenttype: &'static str,
    dataschema: String,
    sequence: String,
    position: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    commandid: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    correlationid: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    causationid: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    actor: &'e str,
    #[serde(skip_serializing_if = "str::is_empty")]
    traceparent: &'e str,
    data: &'e RawValue,
}

impl Serialize for Structured<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Envelope {
            aggregate,
            id,
            name,
            version,
            ..
        } = self.told;
        let mut time = String::with_capacity(32);
        write_time(&mut time, self.told.recorded_at);
        let Travelling {
            actor,
            correlation_id,
            causation_id,
            traceparent,
        } = self.told.travelling();
        Attributes {
            specversion: SPEC_VERSION,
            id: self.told.event_id.to_string(),
            time,
            source: self.source.to_string(),
            kind: format!("{TYPE_PREFIX}{aggregate}.{name}.v{version}"),
            subject: format!("{aggregate}/{id}"),
            datacontenttype: CONTENT_TYPE,
            dataschema: format!("urn:jangbu:schema:{aggregate}:{name}:{version}"),
            sequence: self.told.sequence.to_string(),
            position: self.told.position.to_string(),
            previous: self.previous.map(|previous| previous.to_string()),
            commandid: self.told.command_id.to_string(),
            correlationid: &correlation_id,
            causationid: &causation_id,
            actor: &actor,
            traceparent: &traceparent,
            data: serde_json::from_slice(&self.told.payload).map_err(serde::ser::Error::custom)?,
        }
        .serialize(serializer)
    }
}
