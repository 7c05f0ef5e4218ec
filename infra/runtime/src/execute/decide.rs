//! From a decision to an entry: facts with their metadata, hashes and places in their streams.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use event_schemas::command::{CommandChangedNothing, CommandRefused};
use event_schemas::{CommandEvent, CommandId, EventList};
use serde::Serialize;
use uuid::Uuid;

use super::flight::Intent;
use super::{Fact, Submission};
use crate::Problem;
use crate::hash;
use crate::ports::{Clock, Entry, NewEvent, Stream};
use crate::system::Said;

/// An event must fit into Kafka's default limit with its headers (section 3).
const EVENT_BYTES: usize = 900_000;

/// Payload and metadata do not fit into one event.
#[derive(Debug)]
pub(super) struct TooLarge(pub(super) usize);

/// The entry of a command that says something.
pub(super) fn say(
    submission: &Submission,
    version: u64,
    said: Vec<Said>,
    clock: &dyn Clock,
) -> Result<(Entry, Intent), TooLarge> {
    let metadata = metadata(submission);
    let mut events = Vec::with_capacity(said.len());
    let mut facts = Vec::with_capacity(said.len());
    for (ordinal, said) in (0..).zip(said) {
        let sequence = version + u64::from(ordinal) + 1;
        facts.push(Fact {
            name: said.name.to_string(),
            version: said.version.to_string(),
            sequence,
            position: 0,
            payload: said.payload.clone(),
        });
        events.push(event(
            submission,
            submission.stream.clone(),
            sequence,
            ordinal,
            said,
            &metadata,
            clock,
        )?);
    }
    Ok((entry(submission, version, events), Intent::Say(facts)))
}

/// The entry of a command that changes nothing.
pub(super) fn change_nothing(
    submission: &Submission,
    version: u64,
    clock: &dyn Clock,
) -> Result<(Entry, Intent), TooLarge> {
    let fact = CommandChangedNothing {
        aggregate: submission.stream.aggregate.to_string(),
        id: submission.stream.id.to_string(),
        version,
        command: submission.command.name.to_owned(),
    };
    let event = fact_of_command(submission, fact, clock)?;
    Ok((entry(submission, version, vec![event]), Intent::Nothing))
}

/// The entry of a command that a person is refused.
pub(super) fn refuse(
    submission: &Submission,
    version: u64,
    problem: Problem,
    clock: &dyn Clock,
) -> Result<(Entry, Intent), TooLarge> {
    let fact = CommandRefused {
        aggregate: submission.stream.aggregate.to_string(),
        id: submission.stream.id.to_string(),
        version,
        command: submission.command.name.to_owned(),
        problem: serde_json::to_value(&problem).expect("a problem is JSON"),
    };
    let event = fact_of_command(submission, fact, clock)?;
    Ok((
        entry(submission, version, vec![event]),
        Intent::Refuse(problem),
    ))
}

/// A check only: nothing is stored, the store is asked whether what was seen still stands.
pub(super) fn check(submission: &Submission, version: u64, intent: Intent) -> (Entry, Intent) {
    let mut entry = entry(submission, version, Vec::new());
    if !matches!(intent, Intent::Mismatch) {
        entry.expected_version = None;
    }
    (entry, intent)
}

fn entry(submission: &Submission, version: u64, events: Vec<NewEvent>) -> Entry {
    Entry {
        command_id: submission.command_id,
        stream: submission.stream.clone(),
        version,
        expected_version: submission.expected_version,
        events,
        version_known: false,
    }
}

/// The stream of a command's own facts: `command/<command id>`, one event long.
fn fact_of_command(
    submission: &Submission,
    fact: impl Into<CommandEvent>,
    clock: &dyn Clock,
) -> Result<NewEvent, TooLarge> {
    let fact = fact.into();
    let kind = fact.event_type();
    let said = Said {
        name: Cow::Borrowed(kind.name),
        version: Cow::Owned(kind.version.to_string()),
        payload: fact
            .to_payload()
            .expect("a fact of a command is JSON")
            .into(),
    };
    let stream = Stream::new(
        CommandEvent::AGGREGATE,
        CommandId::from(submission.command_id).to_string(),
    );
    event(submission, stream, 1, 0, said, &metadata(submission), clock)
}

fn event(
    submission: &Submission,
    stream: Stream,
    sequence: u64,
    ordinal: u32,
    said: Said,
    metadata: &Bytes,
    clock: &dyn Clock,
) -> Result<NewEvent, TooLarge> {
    let bytes = said.payload.len() + metadata.len();
    if bytes > EVENT_BYTES {
        return Err(TooLarge(bytes));
    }
    let mut event = NewEvent {
        stream,
        sequence,
        name: said.name,
        version: said.version,
        payload: said.payload,
        metadata: metadata.clone(),
        event_id: clock.event_id(),
        ordinal,
        leaf: [0; 32],
    };
    event.leaf = hash::leaf_of(&event, submission.command_id);
    Ok(event)
}

/// The metadata of all events of a command, written once and shared.
fn metadata(submission: &Submission) -> Bytes {
    #[derive(Serialize)]
    struct Metadata<'s> {
        actor: &'s str,
        correlation_id: &'s str,
        #[serde(skip_serializing_if = "Option::is_none")]
        causation_id: Option<Uuid>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'s str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        traceparent: Option<&'s str>,
        command: &'s str,
        digest: &'s str,
    }
    let metadata = Metadata {
        actor: submission.actor.as_str(),
        correlation_id: &submission.correlation_id,
        causation_id: submission.causation_id,
        reason: submission.reason.as_deref(),
        traceparent: submission.traceparent.as_deref(),
        command: submission.command.name,
        digest: &hex(&submission.command.digest),
    };
    serde_json::to_vec(&metadata)
        .expect("metadata are texts")
        .into()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes what is written");
    }
    text
}
