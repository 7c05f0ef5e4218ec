//! `GET /views/{view}/{key}`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Of};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::State;
use super::read::freshness;
use crate::accept::{self, JSON};
use crate::catalogue::quoted;
use crate::http::{Shared, path};
use crate::problem::*;
use crate::scan;

#[derive(Serialize)]
struct Document<'d> {
    key: &'d str,
    position: u64,
    data: &'d RawValue,
}

/// Answers with one document.
pub(crate) async fn one(
    Of(shared): Of<Arc<Shared>>,
    address: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let (view, key) = path(address)?;
    accept::best(&asked, &[JSON])?;
    scan::text("the key in the address", &key)?;
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        return Err(Problem::new(
            &UNKNOWN_PARAMETER,
            format!(
                "a single document takes no query, {:?} is one: leave it out",
                quoted(&query)
            ),
        ));
    }
    let fresh = freshness(&asked)?;
    let view = shared.serving(&view).await?;
    let read = shared.document(view.name, &key, fresh).await?;
    let state = State::of(&read, view, &shared.http.store.source());
    let Some(document) = &read.value else {
        let missing = Problem::new(
            &UNKNOWN_KEY,
            format!(
                "{} has no document {:?} as of position {}: after a command, give the position it answered as \
                 Min-Position",
                view.name,
                quoted(&key),
                read.position
            ),
        )
        .with("position", read.position);
        return Ok(state.with_headers(missing.into_response()));
    };
    if state.is_known(&asked) {
        return Ok(state.unchanged());
    }
    state.json(&Document {
        key: &key,
        position: read.position,
        data: raw(document)?,
    })
}

/// A document goes out as it was stored.
pub(super) fn raw(document: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(document).map_err(|_| Problem::internal("a stored document is no JSON"))
}
