//! `GET /events/{position}`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use event_schemas::cloud_event::Structured;

use super::query;
use crate::accept::{self, CLOUD_EVENT, JSON};
use crate::http::{Shared, path};
use crate::problem::*;

/// Answers with one event.
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    address: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = accept::best(&headers, &[JSON, CLOUD_EVENT])?;
    let position = query::position("the address's last part", &path(address)?)?;
    let store = &shared.http.store;
    let events = match position.checked_sub(1) {
        Some(before) => store.read(before, 1).await,
        None => Ok(Vec::new()),
    };
    let events = events.map_err(|error| Problem::of_store(&error))?;
    let Some(told) = events.first().filter(|told| told.position == position) else {
        let head = store.head().await;
        let head = head.map_err(|error| Problem::of_store(&error))?.position;
        return Err(Problem::new(
            &UNKNOWN_POSITION,
            format!("there is no event at {position}: positions run from 1 to {head}"),
        )
        .with("head", head));
    };
    let body = serde_json::to_vec(&Structured::new(told, &store.source(), None))
        .map_err(|_| Problem::internal(&format!("position {position}")))?;
    Ok(([(CONTENT_TYPE, kind)], body).into_response())
}
