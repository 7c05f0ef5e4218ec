//! Parameters, headers, problems and the shapes of answers, each described once.

use std::collections::BTreeSet;

use event_schemas::INTEGER_LIMIT;
use serde_json::{Map, Value, json};

use crate::openapi::shared;
use crate::problem;

/// All shared parts but the schemas.
pub(in crate::openapi) fn components() -> Value {
    json!({
        "parameters": parameters(),
        "headers": {
            "Position": { "description": "The position the answer is of.", "schema": shared("schemas", "Position") },
            "ETag": { "description": "Names the state the answer is of.", "schema": { "type": "string" } },
            "Stale": { "description": "There if the view has stopped: `stopped; position=42`.", "schema": { "type": "string" } },
        },
        "responses": responses(),
    })
}

fn parameters() -> Value {
    let header = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "header", "schema": schema, "description": description });
    let text = |longest: u16| json!({ "type": "string", "maxLength": longest });
    json!({
        "IdempotencyKey": header("Idempotency-Key", text(255),
            "The command's id: a UUID, or any text, which stands for one. The same id is carried out at most once, for \
             ever; asked again, the first answer comes again."),
        "ExpectedVersion": header("Expected-Version", shared("schemas", "Position"),
            "The command is carried out only if the aggregate stands at this version."),
        "Reason": header("Reason", text(1_000), "Why, in a person's words; it is kept with the events."),
        "Actor": header("Actor", text(255), "Who asks; `anonymous` if nobody says so."),
        "CorrelationId": header("Correlation-Id", text(255),
            "Kept with everything that comes of the command; its id if not given."),
        "Traceparent": header("traceparent", text(255), "W3C trace context."),
        "MinPosition": header("Min-Position", shared("schemas", "Position"),
            "The view is waited for until it reaches this position."),
        "Prefer": header("Prefer", text(255), "`wait=10`: how many seconds the view is waited for, at most 30; 2 if not said."),
        "IfNoneMatch": header("If-None-Match", text(1_000), "The ETag of an answer that is here already."),
    })
}

/// One response for each status that a problem may have.
fn responses() -> Value {
    let statuses: BTreeSet<_> = problem::ALL.iter().map(|kind| kind.code).collect();
    let response = |status: u16| {
        let kinds = problem::ALL.iter().filter(|kind| kind.code == status);
        let (names, titles): (Vec<_>, Vec<_>) = kinds.map(|kind| (kind.name, kind.title)).unzip();
        let schema = json!({ "allOf": [
            shared("schemas", "Problem"),
            { "properties": { "type": { "enum": names }, "status": { "const": status } } },
        ] });
        let mut response = json!({
            "description": titles.join("; "),
            "content": { "application/problem+json": { "schema": schema } },
        });
        if problem::ALL
            .iter()
            .any(|kind| kind.code == status && kind.retry)
        {
            response["headers"] = json!({
                "Retry-After": { "description": "Seconds to wait before asking again.", "schema": { "type": "integer" } },
            });
        }
        (format!("Problem{status}"), response)
    };
    Value::Object(statuses.into_iter().map(response).collect())
}

/// Schemas of answers.
pub(in crate::openapi) fn schemas() -> Map<String, Value> {
    let Value::Object(schemas) = json!({
        "Position": { "type": "integer", "minimum": 0, "maximum": INTEGER_LIMIT - 1 },
        "Problem": problem_schema(),
        "Done": done(),
        "CommandLine": command_line(),
        "Event": event(),
        "EventPage": {
            "type": "object",
            "properties": {
                "events": { "type": "array", "items": shared("schemas", "Event") },
                "next": { "$ref": "#/components/schemas/Position", "description": "To be passed as `from`." },
                "head": { "$ref": "#/components/schemas/Position", "description": "The last position there is." },
            },
            "required": ["events", "next", "head"],
        },
        "Health": {
            "type": "object",
            "properties": {
                "status": { "type": "string" },
                "components": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "condition": { "enum": ["up", "degraded", "down"] },
                        "text": { "type": "string" },
                    },
                    "required": ["name", "condition", "text"],
                } },
            },
            "required": ["status", "components"],
        },
    }) else {
        unreachable!("an object was written above")
    };
    schemas
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457. `type` is stable; other fields depend on it.",
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What to do." },
        },
        "required": ["type", "title", "status", "detail"],
    })
}

fn done() -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": { "type": "integer", "description": "In a line only." },
            "command_id": { "type": "string", "format": "uuid" },
            "aggregate": { "type": "string" },
            "id": { "type": "string" },
            "version": { "type": "integer", "description": "The aggregate's, after the command." },
            "position": shared("schemas", "Position"),
            "recorded_at": { "type": "string", "format": "date-time" },
            "events": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "type": { "type": "string" },
                    "version": { "type": "string" },
                    "sequence": { "type": "integer" },
                    "position": shared("schemas", "Position"),
                    "data": { "type": "object" },
                },
                "required": ["type", "version", "sequence", "position", "data"],
            } },
        },
        "required": ["command_id", "aggregate", "id", "version", "position", "recorded_at", "events"],
    })
}

fn command_line() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command_id": { "type": "string", "maxLength": 255, "description": "As Idempotency-Key." },
            "aggregate": { "type": "string" },
            "id": { "type": "string" },
            "command": { "type": "string" },
            "body": { "type": "object", "description": "As for the command alone." },
            "expected_version": shared("schemas", "Position"),
            "reason": { "type": "string", "maxLength": 1_000 },
        },
        "required": ["aggregate", "id", "command"],
        "additionalProperties": false,
    })
}

fn event() -> Value {
    let text = json!({ "type": "string" });
    let names = [
        "specversion",
        "id",
        "time",
        "source",
        "type",
        "subject",
        "datacontenttype",
        "dataschema",
        "sequence",
        "position",
        "commandid",
    ];
    let optional = ["correlationid", "causationid", "actor", "traceparent"];
    let mut properties: Map<String, Value> = names
        .iter()
        .chain(&optional)
        .map(|name| ((*name).to_owned(), text.clone()))
        .collect();
    properties.insert("data".to_owned(), json!({ "type": "object" }));
    let required: Vec<_> = names.iter().copied().chain(["data"]).collect();
    json!({
        "type": "object",
        "description": "A CloudEvent 1.0 in structured JSON; every attribute is text.",
        "properties": properties,
        "required": required,
    })
}
