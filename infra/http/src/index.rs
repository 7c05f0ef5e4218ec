//! The addresses there are, the document that describes them, and the metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::accept::JSON;
use crate::catalogue::quoted;
use crate::http::Shared;
use crate::problem::{Problem, UNKNOWN_ROUTE};

/// Prometheus's text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every address, with what it is for.
const ADDRESSES: &[(&str, &str)] = &[
    (
        "POST /commands/{aggregate}/{id}/{command}",
        "carries a command out",
    ),
    ("POST /commands", "carries a file of commands out (NDJSON)"),
    ("GET /views/{view}/{key}", "one document of a view"),
    (
        "GET /views/{view}",
        "documents of a view, searched and sorted by its columns",
    ),
    (
        "GET /events",
        "events, as a page, as NDJSON or as server-sent events",
    ),
    ("GET /events/{position}", "one event"),
    ("GET /openapi.json", "the shapes of all of this"),
    ("GET /health/live", "whether this process lives"),
    ("GET /health/ready", "whether it can serve"),
    ("GET /health/startup", "whether it has started"),
    ("GET /metrics", "its metrics, for Prometheus"),
];

/// `GET /`
pub(crate) async fn index(State(shared): State<Arc<Shared>>) -> Response {
    let addresses: serde_json::Map<_, _> = ADDRESSES
        .iter()
        .map(|(address, what)| ((*address).to_owned(), (*what).into()))
        .collect();
    Json(json!({
        "system": shared.http.system.name(),
        "source": shared.http.store.source().to_string(),
        "addresses": addresses,
    }))
    .into_response()
}

/// `GET /openapi.json`
pub(crate) async fn openapi(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, JSON)], shared.openapi.clone()).into_response()
}

/// `GET /metrics`
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, METRICS)], (shared.http.metrics)()).into_response()
}

/// Every other address.
pub(crate) async fn nothing_here(uri: Uri) -> Problem {
    let known: Vec<_> = ADDRESSES.iter().map(|(address, _)| *address).collect();
    Problem::new(
        &UNKNOWN_ROUTE,
        format!(
            "there is nothing at {:?}: GET / lists the addresses",
            quoted(uri.path())
        ),
    )
    .with("known", known)
}
