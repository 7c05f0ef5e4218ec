//! `GET /views/{view}?column=…&sort=…&after=…&limit=…`

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Of};
use axum::http::HeaderMap;
use axum::response::Response;
use jangbu_runtime::ports::PageRow;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::State;
use super::cursor;
use super::one::raw;
use super::query;
use super::read::freshness;
use crate::accept::{self, JSON};
use crate::http::{Shared, path};
use crate::problem::Problem;

#[derive(Serialize)]
struct Rows<'p> {
    rows: Vec<Row<'p>>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    position: u64,
}

#[derive(Serialize)]
struct Row<'p> {
    key: &'p str,
    data: &'p RawValue,
}

/// Answers with a page of documents.
pub(crate) async fn page(
    Of(shared): Of<Arc<Shared>>,
    address: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let view = path(address)?;
    accept::best(&asked, &[JSON])?;
    let fresh = freshness(&asked)?;
    let view = shared.serving(&view).await?;
    let query = query::read(view, query.as_deref().unwrap_or_default())?;
    let read = shared.documents(view.name, &query, fresh).await?;
    let state = State::of(&read, view, &shared.http.store.source());
    if state.is_known(&asked) {
        return Ok(state.unchanged());
    }
    let rows = read.value.rows.iter().map(row);
    let last = read.value.rows.last().filter(|_| read.value.more);
    state.json(&Rows {
        rows: rows.collect::<Result<_, _>>()?,
        next: last.map(|row| cursor::write(&query.sort, row)),
        position: read.position,
    })
}

fn row(row: &PageRow) -> Result<Row<'_>, Problem> {
    Ok(Row {
        key: &row.key,
        data: raw(&row.document)?,
    })
}
