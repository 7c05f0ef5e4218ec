//! What no store takes, as far as it can be seen at a glance (architecture, section 3). One rule for all adapters, and
//! for the edge that keeps it away from them.

use super::{NewEvent, Stream};

/// Bytes of an aggregate's id: far below what an index row takes, and one too long would fail its neighbours.
pub const ID_LIMIT: usize = 255;
/// Bytes of the names of aggregates, events and versions.
pub const NAME_LIMIT: usize = 255;
/// Bytes of an event's payload and metadata: Kafka's own limit must never meet a stored event.
pub const EVENT_LIMIT: usize = 900_000;

/// Why an aggregate of that name cannot stand in any store; none if it can.
#[must_use]
pub fn poison_of_stream(stream: &Stream) -> Option<String> {
    if stream.id.len() > ID_LIMIT {
        return Some(format!(
            "the aggregate's id is longer than {ID_LIMIT} bytes"
        ));
    }
    if stream.aggregate.len() > NAME_LIMIT {
        return Some(format!(
            "the aggregate's name is longer than {NAME_LIMIT} bytes"
        ));
    }
    let has_null = stream.id.contains('\0') || stream.aggregate.contains('\0');
    has_null.then(|| "the aggregate's id contains U+0000".to_owned())
}

/// Why no store will ever take an event; none if nothing can be seen. Whether it is JSON is not looked at.
#[must_use]
pub fn poison_of_event(event: &NewEvent) -> Option<String> {
    if let Some(why) = poison_of_stream(&event.stream) {
        return Some(why);
    }
    if event.name.len() > NAME_LIMIT || event.version.len() > NAME_LIMIT {
        return Some(format!(
            "the event's name or version is longer than {NAME_LIMIT} bytes"
        ));
    }
    if event.payload.len() + event.metadata.len() > EVENT_LIMIT {
        return Some(format!("the event is larger than {EVENT_LIMIT} bytes"));
    }
    let has_null = says_null(&event.payload)
        || says_null(&event.metadata)
        || event.name.contains('\0')
        || event.version.contains('\0');
    has_null.then(|| "the event contains U+0000".to_owned())
}

/// True if JSON says U+0000, bare or escaped. PostgreSQL's `json` would store it escaped, and nothing there could read
/// it as text again.
fn says_null(json: &[u8]) -> bool {
    if json.contains(&0) {
        return true;
    }
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        // What follows a backslash is never the beginning of another escape.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

/// Why bytes are no JSON text; none if they are. Costs a parse.
#[must_use]
pub fn poison_of_json(json: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(json) {
        Ok(text) => text,
        Err(error) => return Some(format!("the event is no UTF-8: {error}")),
    };
    let parsed = serde_json::from_str::<serde::de::IgnoredAny>(text);
    parsed
        .err()
        .map(|error| format!("the event is no JSON: {error}"))
}
