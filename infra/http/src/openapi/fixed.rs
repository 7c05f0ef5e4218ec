//! What is the same whatever the system: events, the process, and the parts that all addresses share.

mod parts;

use serde_json::{Map, Value, json};

use super::{content, problems, shared};
use crate::query::LARGEST_LIMIT;

pub(super) use parts::{components, schemas};

pub(super) fn describe(paths: &mut Map<String, Value>) {
    paths.insert("/events".to_owned(), events());
    paths.insert("/events/{position}".to_owned(), event());
    for (address, id, summary) in [
        ("/health/live", "live", "whether this process lives"),
        (
            "/health/ready",
            "ready",
            "whether requests should be sent here",
        ),
        ("/health/startup", "startup", "whether it has started"),
    ] {
        paths.insert(address.to_owned(), health(id, summary));
    }
    paths.insert(
        "/metrics".to_owned(),
        text("metrics", "its metrics, for Prometheus"),
    );
    let document = plain("openapi", "this document", json!({ "type": "object" }));
    paths.insert("/openapi.json".to_owned(), document);
    let index = plain(
        "index",
        "the addresses there are",
        json!({ "type": "object" }),
    );
    paths.insert("/".to_owned(), index);
}

fn events() -> Value {
    let filter = |name: &str, description: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" }, "description": description });
    let position = |name: &str, description: &str| json!({ "name": name, "in": "query", "schema": shared("schemas", "Position"), "description": description });
    let mut responses = problems(&[400, 404, 406, 500, 503]);
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "A page, a line for each event, or server-sent events whose `id` is the position.",
            "content": {
                "application/json": { "schema": shared("schemas", "EventPage") },
                "application/x-ndjson": { "schema": shared("schemas", "Event") },
                "text/event-stream": { "schema": { "type": "string" } },
            },
        }),
    );
    json!({ "get": {
        "tags": ["events"],
        "operationId": "events",
        "summary": "events, in the store's one order",
        "parameters": [
            position("from", "Exclusive: events after this position."),
            position("until", "Inclusive: events up to this position."),
            { "name": "limit", "in": "query",
              "schema": { "type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": 100 },
              "description": "Events of a page; a stream ends after so many." },
            { "name": "follow", "in": "query", "schema": { "type": "boolean", "default": false },
              "description": "A stream of lines goes on at the end; server-sent events always do." },
            filter("aggregate", "Of one kind of aggregate."),
            filter("aggregate_id", "Of one aggregate."),
            filter("type", "Names of events, comma-separated."),
            filter("actor", "Caused by this actor."),
            filter("correlation_id", "Of one correlation."),
            filter("command_id", "Of one command."),
            { "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" },
              "description": "Server-sent events: where the reader was; it goes before `from`." },
        ],
        "responses": responses,
    } })
}

fn event() -> Value {
    let mut responses = problems(&[400, 404, 406, 500, 503]);
    let schema = shared("schemas", "Event");
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "The event.",
            "content": {
                "application/json": { "schema": schema },
                "application/cloudevents+json": { "schema": schema },
            },
        }),
    );
    json!({ "get": {
        "tags": ["events"],
        "operationId": "event",
        "summary": "one event",
        "parameters": [
            { "name": "position", "in": "path", "required": true, "schema": shared("schemas", "Position"),
              "description": "Where it stands." },
        ],
        "responses": responses,
    } })
}

fn health(id: &str, summary: &str) -> Value {
    let mut path = plain(id, summary, shared("schemas", "Health"));
    path["get"]["responses"]["503"] = shared("responses", "Problem503");
    path
}

fn plain(id: &str, summary: &str, schema: Value) -> Value {
    json!({ "get": {
        "tags": ["process"],
        "operationId": id,
        "summary": summary,
        "responses": { "200": { "description": "Here it is.", "content": content(schema) } },
    } })
}

fn text(id: &str, summary: &str) -> Value {
    let content = json!({ "text/plain": { "schema": { "type": "string" } } });
    json!({ "get": {
        "tags": ["process"],
        "operationId": id,
        "summary": summary,
        "responses": { "200": { "description": "Here they are.", "content": content } },
    } })
}
