//! `GET /events`: a page as JSON, a stream as NDJSON, or server-sent events, by what the caller accepts.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use event_schemas::cloud_event::Structured;
use serde::Serialize;

use super::query::{self, EventsQuery};
use super::stream::{self, Form};
use crate::accept::{self, JSON, NDJSON, SSE};
use crate::headers::{self, LAST_EVENT_ID};
use crate::http::Shared;
use crate::problem::*;

#[derive(Serialize)]
struct Page<'p> {
    events: Vec<Structured<'p>>,
    /// To be passed as `from`.
    next: u64,
    head: u64,
}

/// Answers with events.
pub(crate) async fn many(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = accept::best(&headers, &[JSON, NDJSON, SSE])?;
    let mut query = query::read(&shared.catalogue, query.as_deref().unwrap_or_default())?;
    if kind == SSE {
        // A reader that comes back says where it was, and means that rather than where it once began.
        if let Some(last) = headers::text(&headers, &LAST_EVENT_ID)?.filter(|id| !id.is_empty()) {
            query.from = Some(query::position("Last-Event-ID", last)?);
        }
    }
    if kind == JSON && query.follow {
        return Err(crate::query::wrong(
            "follow",
            "is for streams: ask with Accept: application/x-ndjson or text/event-stream",
        ));
    }
    let from = query.from.unwrap_or(0);
    within_store(&shared, from).await?;
    match kind {
        NDJSON => stream::response(shared, query, Form::Lines).await,
        SSE => stream::response(shared, query, Form::ServerSent).await,
        _ => page(&shared, &query, from).await,
    }
}

/// Refuses a position that the store does not reach: whoever has it read another history.
async fn within_store(shared: &Shared, position: u64) -> Result<(), Problem> {
    let store = &shared.http.store;
    if position <= *store.arrivals().borrow() {
        return Ok(());
    }
    let head = store.head().await;
    let head = head.map_err(|error| Problem::of_store(&error))?.position;
    if position > head {
        return Err(Problem::beyond_head(position, head));
    }
    Ok(())
}

async fn page(shared: &Shared, query: &EventsQuery, from: u64) -> Result<Response, Problem> {
    let store = &shared.http.store;
    let found = store.search(&query.filter, from, query.page_limit()).await;
    let (found, searched) = found.map_err(|error| Problem::of_store(&error))?;
    let head = store.head().await;
    let head = head.map_err(|error| Problem::of_store(&error))?.position;
    let source = store.source();
    let page = Page {
        events: found
            .iter()
            .map(|told| Structured::new(told, &source, None))
            .collect(),
        next: searched.max(from),
        head: head.max(searched),
    };
    let body = serde_json::to_vec(&page).map_err(|_| Problem::internal(&format!("from {from}")))?;
    Ok(([(CONTENT_TYPE, JSON)], body).into_response())
}
