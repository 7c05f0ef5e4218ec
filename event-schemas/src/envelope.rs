//! The envelope: what the store adds to an event, and what travels beside its payload on the wire.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One stored event with everything the store knows about it.
///
/// Names that repeat by the million (`aggregate`, `name`, `version`) are shared; payload and metadata are the stored
/// bytes as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Number in the store, from 1, dense.
    pub position: u64,
    /// UUID v7 (v5 where an older store was adopted).
    pub event_id: Uuid,
    /// The aggregate's name: `stock`.
    pub aggregate: Arc<str>,
    /// The aggregate's id as text.
    pub id: String,
    /// Number in its aggregate, from 1.
    pub sequence: u64,
    /// The event's name: `StockHeld`.
    pub name: Arc<str>,
    /// `1`, `2`, …; text, as other writers of the store may use `1.0`.
    pub version: Arc<str>,
    /// The JSON that was stored, byte for byte.
    pub payload: Bytes,
    /// A flat JSON object of texts, byte for byte; see [`Metadata`].
    pub metadata: Bytes,
    /// The command that it answers.
    pub command_id: Uuid,
    /// Which of that command's events it is, from 0.
    pub command_ordinal: u32,
    /// When its block was written; microseconds count.
    pub recorded_at: DateTime<Utc>,
}

impl Envelope {
    /// The metadata, as far as it is ours. What an adopted store wrote of its own is passed over.
    #[must_use]
    pub fn read_metadata(&self) -> Metadata {
        serde_json::from_slice(&self.metadata).unwrap_or_default()
    }

    /// What of the metadata goes out with the event.
    pub(crate) fn travelling(&self) -> Travelling<'_> {
        serde_json::from_slice(&self.metadata).unwrap_or_default()
    }
}

/// The part of the metadata that becomes headers; empty texts are absent ones. Borrowed, as the relay reads it for
/// every event it sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Travelling<'m> {
    #[serde(borrow)]
    pub(crate) actor: Cow<'m, str>,
    #[serde(borrow)]
    pub(crate) correlation_id: Cow<'m, str>,
    #[serde(borrow)]
    pub(crate) causation_id: Cow<'m, str>,
    #[serde(borrow)]
    pub(crate) traceparent: Cow<'m, str>,
}

/// Who, why, and caused by what: a flat object of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// A person's id, `policy:<name>`, `timer:<name>` or `worker:<name>`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// The same from a person's command to the last thing that came of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    /// The event that a policy heard; absent for a person's command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// Why a person did it, in their words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The command's name: `place`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// Digest of aggregate, id, command and body without personal fields, in hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
}
