//! The document that describes HTTP, made from the code: every command's body, every view, every kind of problem.
//!
//! OpenAPI 3.1, whose schemas are JSON Schema 2020-12. The router knows one route for all commands; the document lists
//! each of them, because each has a body of its own.

mod commands;
mod fixed;
mod schemas;
mod views;

use jangbu_runtime::system::System;
use serde_json::{Map, Value, json};

use schemas::Schemas;

/// The document of a system.
#[must_use]
pub fn openapi(system: &System) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    commands::describe(system, &mut schemas, &mut paths);
    views::describe(system, &mut schemas, &mut paths);
    fixed::describe(&mut paths);
    let mut components = fixed::components();
    components["schemas"] = schemas.into_components(fixed::schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("jangbu: {}", system.name()),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Commands in, views and events out. An error is a problem of RFC 9457 whose `type` is \
                            stable and whose `detail` says what to do.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": [
            { "name": "commands", "description": "Orders to one aggregate; an id is carried out at most once, for ever." },
            { "name": "views", "description": "What is shown; every answer is the exact state as of its Position." },
            { "name": "events", "description": "The ledger itself, as CloudEvents." },
            { "name": "process", "description": "How this process is." },
        ],
        "paths": paths,
        "components": components,
    })
}

/// A reference to a part that several places share.
fn shared(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A JSON body of some schema.
fn content(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// Responses by status, each shared.
fn problems(statuses: &[u16]) -> Map<String, Value> {
    statuses
        .iter()
        .map(|status| {
            (
                status.to_string(),
                shared("responses", &format!("Problem{status}")),
            )
        })
        .collect()
}
