//! Views, each with its own document and columns.

use jangbu_runtime::system::System;
use kernel::{ColumnKind, Projection};
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use super::{content, problems, shared};
use crate::query::LARGEST_LIMIT;

pub(super) fn describe(system: &System, schemas: &mut Schemas, paths: &mut Map<String, Value>) {
    for view in system.views() {
        let document = view.schema(&mut schemas.shown).to_value();
        // Of several versions readers will see the newest.
        paths.insert(
            format!("/views/{}/{{key}}", view.name()),
            one(&**view, &document),
        );
        paths.insert(format!("/views/{}", view.name()), page(&**view, &document));
    }
    // All shapes are known now.
    for (address, path) in paths {
        if address.starts_with("/views/") {
            schemas.rename(path);
        }
    }
}

fn one(view: &dyn Projection, document: &Value) -> Value {
    let schema = json!({
        "type": "object",
        "properties": { "key": { "type": "string" }, "position": shared("schemas", "Position"), "data": document },
        "required": ["key", "position", "data"],
    });
    json!({ "get": {
        "tags": ["views"],
        "operationId": format!("{}_one", view.name()),
        "summary": format!("{}: one document", view.name()),
        "parameters": [
            { "name": "key", "in": "path", "required": true, "schema": { "type": "string" }, "description": "Which document." },
            shared("parameters", "MinPosition"),
            shared("parameters", "Prefer"),
            shared("parameters", "IfNoneMatch"),
        ],
        "responses": answers("The document.", schema),
    } })
}

fn page(view: &dyn Projection, document: &Value) -> Value {
    let row = json!({
        "type": "object",
        "properties": { "key": { "type": "string" }, "data": document },
        "required": ["key", "data"],
    });
    let schema = json!({
        "type": "object",
        "properties": {
            "rows": { "type": "array", "items": row },
            "next": { "type": "string", "description": "To be passed as `after`; absent on the last page." },
            "position": shared("schemas", "Position"),
        },
        "required": ["rows", "position"],
    });
    let mut parameters = columns(view);
    parameters.extend([
        json!({ "name": "sort", "in": "query", "schema": { "type": "string", "enum": orders(view), "default": "key" },
                "description": "A column, or `-` and a column for the largest first." }),
        json!({ "name": "after", "in": "query", "schema": { "type": "string" }, "description": "The `next` of the page before." }),
        json!({ "name": "limit", "in": "query",
                "schema": { "type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": 50 } }),
        shared("parameters", "MinPosition"),
        shared("parameters", "Prefer"),
        shared("parameters", "IfNoneMatch"),
    ]);
    json!({ "get": {
        "tags": ["views"],
        "operationId": format!("{}_page", view.name()),
        "summary": format!("{}: documents, searched and sorted", view.name()),
        "parameters": parameters,
        "responses": answers("A page of documents.", schema),
    } })
}

fn answers(description: &str, schema: Value) -> Map<String, Value> {
    let mut responses = problems(&[400, 404, 406, 500, 503, 504]);
    responses.insert(
        "200".to_owned(),
        json!({
            "description": description,
            "headers": {
                "Position": shared("headers", "Position"),
                "ETag": shared("headers", "ETag"),
                "Stale": shared("headers", "Stale"),
            },
            "content": content(schema),
        }),
    );
    responses.insert(
        "304".to_owned(),
        json!({ "description": "Nothing changed." }),
    );
    responses
}

fn columns(view: &dyn Projection) -> Vec<Value> {
    let ways = [
        ("", "equal to this"),
        (".gte", "at least this"),
        (".lt", "less than this"),
    ];
    let parameter = |(column, kind): (&str, ColumnKind)| {
        ways.map(|(way, meaning)| {
            json!({
                "name": format!("{column}{way}"),
                "in": "query",
                "schema": kind_schema(kind),
                "description": format!("Documents whose {column} is {meaning}."),
            })
        })
    };
    view.columns().into_iter().flat_map(parameter).collect()
}

fn orders(view: &dyn Projection) -> Vec<String> {
    let columns = view.columns().into_iter().map(|(name, _)| name);
    std::iter::once("key")
        .chain(columns)
        .flat_map(|name| [name.to_owned(), format!("-{name}")])
        .collect()
}

fn kind_schema(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Text => json!({ "type": "string" }),
        ColumnKind::Integer => json!({ "type": "integer" }),
        ColumnKind::Boolean => json!({ "type": "boolean" }),
        ColumnKind::Time => json!({ "type": "string", "format": "date-time" }),
    }
}
