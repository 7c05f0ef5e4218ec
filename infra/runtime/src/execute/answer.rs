//! From what the store says to what callers hear.

use chrono::{DateTime, Utc};
use event_schemas::{CommandEvent, Envelope, EventList};

use super::decide::hex;
use super::flight::Intent;
use super::{Answer, Answered, Fact, Failure, Outcome, Submission};

/// What a command heard whose entry now stands at `first`.
pub(super) fn stored(
    intent: Intent,
    decided_on: u64,
    first: u64,
    recorded_at: DateTime<Utc>,
) -> Outcome {
    let (outcome, version, position) = match intent {
        Intent::Say(mut facts) => {
            for (fact, position) in facts.iter_mut().zip(first..) {
                fact.position = position;
            }
            let count = facts.len() as u64;
            (Answered::Said(facts), decided_on + count, first + count - 1)
        }
        Intent::Nothing => (Answered::Nothing, decided_on, first),
        Intent::Refuse(problem) => (Answered::Refused(problem), decided_on, first),
        Intent::Mismatch => return Err(Failure::VersionMismatch { actual: decided_on }),
        Intent::RefusePolicy(problem) => return Err(Failure::PolicyRefused(problem)),
    };
    Ok(Answer {
        outcome,
        version,
        position,
        recorded_at,
    })
}

/// What a command hears whose id was carried out before: the first answer again, if it meant the same.
pub(super) fn already_done(submission: &Submission, facts: &[Envelope]) -> Outcome {
    let Some(last) = facts.last() else {
        return Err(Failure::Defect(
            "a command that was done left no fact".to_owned(),
        ));
    };
    if last.read_metadata().digest != hex(&submission.command.digest) {
        return Err(Failure::CommandIdReused);
    }
    let (outcome, version) = first_answer(facts)?;
    Ok(Answer {
        outcome,
        version: version.unwrap_or(last.sequence),
        position: last.position,
        recorded_at: last.recorded_at,
    })
}

/// Reads the first answer off its facts; with the aggregate's version where the facts are the command's own.
fn first_answer(facts: &[Envelope]) -> Result<(Answered, Option<u64>), Failure> {
    let first = &facts[0];
    if *first.aggregate != *CommandEvent::AGGREGATE {
        let facts = facts.iter().map(fact).collect();
        return Ok((Answered::Said(facts), None));
    }
    let event = CommandEvent::from_payload(&first.name, &first.version, &first.payload)
        .map_err(|error| Failure::Defect(format!("the first answer cannot be read: {error}")))?;
    match event {
        CommandEvent::CommandChangedNothing(fact) => Ok((Answered::Nothing, Some(fact.version))),
        CommandEvent::CommandRefused(fact) => serde_json::from_value(fact.problem)
            .map(|problem| (Answered::Refused(problem), Some(fact.version)))
            .map_err(|error| Failure::Defect(format!("the first refusal cannot be read: {error}"))),
    }
}

fn fact(event: &Envelope) -> Fact {
    Fact {
        name: event.name.to_string(),
        version: event.version.to_string(),
        sequence: event.sequence,
        position: event.position,
        payload: event.payload.clone(),
    }
}
