//! The event on the wire: attributes of CloudEvents 1.0 and our extensions, all of them text.
//!
//! Three forms of one thing: [`Headers`] beside a Kafka record (binary mode, names with `ce_`), [`Reader`] for what
//! comes back from there, and [`Structured`] for `GET /events` (the same names without `ce_`).

mod headers;
mod read;
mod structured;

pub use headers::{Headers, Pairs};
pub use read::{Malformed, ReadError, Reader, Received};
pub use structured::Structured;

use std::fmt::Write;

use chrono::{DateTime, Datelike, Timelike, Utc};

/// Names of the headers of a record, as they stand in Kafka.
pub mod names {
    /// `application/json`
    pub const CONTENT_TYPE: &str = "content-type";
    /// `1.0`
    pub const SPEC_VERSION: &str = "ce_specversion";
    /// The event id.
    pub const ID: &str = "ce_id";
    /// `recorded_at`, with microseconds and `Z`.
    pub const TIME: &str = "ce_time";
    /// `/jangbu/<store>/<incarnation>`
    pub const SOURCE: &str = "ce_source";
    /// `jangbu.<aggregate>.<Event>.v<version>`
    pub const TYPE: &str = "ce_type";
    /// `<aggregate>/<id>`
    pub const SUBJECT: &str = "ce_subject";
    /// `urn:jangbu:schema:<aggregate>:<Event>:<version>`
    pub const DATA_SCHEMA: &str = "ce_dataschema";
    /// The event's number in its aggregate, from 1.
    pub const SEQUENCE: &str = "ce_sequence";
    /// Position in the store.
    pub const POSITION: &str = "ce_position";
    /// Position of the record before it in its partition, 0 for the first.
    pub const PREVIOUS: &str = "ce_previous";
    /// The command that it answers.
    pub const COMMAND_ID: &str = "ce_commandid";
    /// The same from a person's command to the last thing that came of it.
    pub const CORRELATION_ID: &str = "ce_correlationid";
    /// The event that a policy heard.
    pub const CAUSATION_ID: &str = "ce_causationid";
    /// Who.
    pub const ACTOR: &str = "ce_actor";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}

/// The specification's version that is spoken here.
const SPEC_VERSION: &str = "1.0";
/// What every payload is.
const CONTENT_TYPE: &str = "application/json";
/// What our `ce_type` begins with.
const TYPE_PREFIX: &str = "jangbu.";

/// RFC 3339 in UTC with six digits of fraction; by hand, as the general formatter takes several times as long and this
/// runs once per event sent.
fn write_time(text: &mut String, time: DateTime<Utc>) {
    // A leap second is counted by chrono as a fraction above one.
    let micros = (time.nanosecond() / 1_000).min(999_999);
    let (year, month, day) = (time.year(), time.month(), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
    )
    .expect("writing to a String does not fail");
}
