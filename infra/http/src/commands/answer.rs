//! What a command answers: 201 with its events, 200 where nothing changed, or a problem; alone or as a line.

use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use jangbu_runtime::execute::{Answer, Answered, Fact, Outcome};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ask::Asked;
use crate::accept::JSON;
use crate::problem::*;

/// A command that was carried out.
#[derive(Serialize)]
struct Done<'a> {
    /// In a line, where there is no status line.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    command_id: Uuid,
    aggregate: &'a str,
    id: &'a str,
    version: u64,
    position: u64,
    #[serde(serialize_with = "micros")]
    recorded_at: DateTime<Utc>,
    events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    name: &'a str,
    version: &'a str,
    sequence: u64,
    position: u64,
    data: &'a RawValue,
}

/// Waits for a command, and says what came of it as a response.
pub(super) async fn response(asked: Asked) -> Result<Response, Problem> {
    let Asked {
        stream,
        command_id,
        expected_version,
        pending,
    } = asked;
    let answer = settled(pending.await, command_id, expected_version)?;
    let (status, facts) = facts(&answer);
    let body = done(None, &stream, command_id, &answer, facts)?;
    let mut response = (status, Bytes::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(POSITION, HeaderValue::from(answer.position));
    if status == StatusCode::CREATED {
        let location = HeaderValue::try_from(format!("/events/{}", answer.position));
        headers.insert(LOCATION, location.expect("a number is a header's text"));
    }
    Ok(response)
}

/// Waits for a command, and says what came of it as a line.
pub(super) async fn line(asked: Result<Asked, Problem>) -> Vec<u8> {
    let settled = async {
        let asked = asked?;
        let answer = settled(
            asked.pending.await,
            asked.command_id,
            asked.expected_version,
        )?;
        let (status, facts) = facts(&answer);
        let status = Some(status.as_u16());
        done(status, &asked.stream, asked.command_id, &answer, facts)
    };
    let mut line = settled
        .await
        .unwrap_or_else(|problem| problem_line(&problem));
    line.push(b'\n');
    line
}

fn problem_line(problem: &Problem) -> Vec<u8> {
    serde_json::to_vec(problem).expect("a problem is texts and JSON values")
}

/// An answer that is not an error.
fn settled(outcome: Outcome, command_id: Uuid, expected: Option<u64>) -> Result<Answer, Problem> {
    match outcome {
        Ok(Answer {
            outcome: Answered::Refused(said),
            position,
            ..
        }) => {
            let problem = Problem::refused(said, position);
            Err(problem.with("command_id", command_id.to_string()))
        }
        Ok(answer) => Ok(answer),
        Err(failure) => Err(Problem::of_failure(failure, command_id, expected)),
    }
}

fn facts(answer: &Answer) -> (StatusCode, &[Fact]) {
    match &answer.outcome {
        Answered::Said(facts) => (StatusCode::CREATED, facts),
        Answered::Nothing | Answered::Refused(_) => (StatusCode::OK, &[]),
    }
}

fn done(
    status: Option<u16>,
    stream: &jangbu_runtime::ports::Stream,
    command_id: Uuid,
    answer: &Answer,
    facts: &[Fact],
) -> Result<Vec<u8>, Problem> {
    let broken = |_| Problem::internal(&command_id.to_string());
    let events = facts.iter().map(event).collect::<Result<_, _>>();
    let done = Done {
        status,
        command_id,
        aggregate: &stream.aggregate,
        id: &stream.id,
        version: answer.version,
        position: answer.position,
        recorded_at: answer.recorded_at,
        events: events.map_err(broken)?,
    };
    serde_json::to_vec(&done).map_err(broken)
}

/// The payload goes out as it was stored; it is JSON, or the store holds what it must not.
fn event(fact: &Fact) -> Result<Event<'_>, serde_json::Error> {
    Ok(Event {
        name: &fact.name,
        version: &fact.version,
        sequence: fact.sequence,
        position: fact.position,
        data: serde_json::from_slice(&fact.payload)?,
    })
}

fn micros<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
