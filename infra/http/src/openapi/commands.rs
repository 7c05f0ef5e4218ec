//! Commands, each with its own address and body.

use jangbu_runtime::system::{CommandSchema, Kind, System};
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use super::{content, problems, shared};

pub(super) fn describe(system: &System, schemas: &mut Schemas, paths: &mut Map<String, Value>) {
    for kind in system.kinds() {
        let refusal = kind
            .rejections(&mut schemas.shown)
            .map(|schema| schema.to_value());
        for command in kind.commands(&mut schemas.taken) {
            let address = format!("/commands/{}/{{id}}/{}", kind.name(), command.name);
            let described = one(&**kind, &command, refusal.clone());
            paths.insert(address, described);
        }
    }
    // Rejections may mention shapes that bodies have, too; all bodies are known now.
    for path in paths.values_mut() {
        if let Some(refused) = path.pointer_mut("/post/responses/422") {
            schemas.rename(refused);
        }
    }
    paths.insert("/commands".to_owned(), batch());
}

fn one(kind: &dyn Kind, command: &CommandSchema, refusal: Option<Value>) -> Value {
    let mut responses = problems(&[400, 403, 404, 409, 412, 413, 415, 500, 503]);
    responses.insert(
        "201".to_owned(),
        json!({
            "description": "Carried out: these events are stored.",
            "headers": {
                "Position": shared("headers", "Position"),
                "Location": { "description": "Where the last of the events can be read.", "schema": { "type": "string" } },
            },
            "content": content(shared("schemas", "Done")),
        }),
    );
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "Everything asked for was so already; `events` is empty.",
            "headers": { "Position": shared("headers", "Position") },
            "content": content(shared("schemas", "Done")),
        }),
    );
    responses.insert("422".to_owned(), refused(refusal));
    let mut post = json!({
        "tags": ["commands"],
        "operationId": format!("{}_{}", kind.name(), command.name.replace('-', "_")),
        "summary": format!("{}: {}", kind.name(), command.name.replace('-', " ")),
        "parameters": [
            { "name": "id", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
              "description": format!("Which {}.", kind.name()) },
            shared("parameters", "IdempotencyKey"),
            shared("parameters", "ExpectedVersion"),
            shared("parameters", "Reason"),
            shared("parameters", "Actor"),
            shared("parameters", "CorrelationId"),
            shared("parameters", "Traceparent"),
        ],
        "requestBody": { "required": true, "content": content(command.body.clone().to_value()) },
        "responses": responses,
    });
    if let Some(description) = command.body.get("description") {
        post["description"] = description.clone();
    }
    if command.for_policies {
        post["x-policy-only"] = true.into();
    }
    json!({ "post": post })
}

/// A refusal is a problem with a type and fields of the aggregate's own.
fn refused(refusal: Option<Value>) -> Value {
    let schema = match refusal {
        Some(refusal) => json!({ "allOf": [shared("schemas", "Problem"), refusal] }),
        None => shared("schemas", "Problem"),
    };
    json!({
        "description": "The aggregate refused; `position` is where that is recorded.",
        "headers": { "Position": shared("headers", "Position") },
        "content": { "application/problem+json": { "schema": schema } },
    })
}

fn batch() -> Value {
    let mut responses = problems(&[400, 406, 415, 503]);
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "One line for each line, in the same order: `status`, and what the command alone would have \
                            answered. Read while you write.",
            "content": { "application/x-ndjson": { "schema": {
                "anyOf": [shared("schemas", "Done"), shared("schemas", "Problem")],
            } } },
        }),
    );
    json!({ "post": {
        "tags": ["commands"],
        "operationId": "commands",
        "summary": "many commands, one a line",
        "description": "Lines of one aggregate run in line order, others side by side; a bad line stops nothing.",
        "parameters": [
            shared("parameters", "Actor"),
            shared("parameters", "CorrelationId"),
            shared("parameters", "Traceparent"),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/x-ndjson": { "schema": shared("schemas", "CommandLine") } },
        },
        "responses": responses,
    } })
}
