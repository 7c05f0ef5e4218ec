//! `POST /commands/{aggregate}/{id}/{command}`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer;
use super::ask::Terms;
use crate::accept::{self, JSON};
use crate::body;
use crate::headers::{self, Caller, EXPECTED_VERSION, IDEMPOTENCY_KEY, REASON};
use crate::http::{Shared, path};
use crate::problem::Problem;

type Address = Path<(String, String, String)>;

/// Carries one command out.
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    address: Result<Address, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (aggregate, id, command) = path(address)?;
    accept::best(&headers, &[JSON])?;
    let caller = Caller::of(&headers)?;
    let target = shared.target(&aggregate, &id, &command, &caller)?;
    headers::content_type(&headers, &[JSON])?;
    let terms = Terms {
        key: headers::text(&headers, &IDEMPOTENCY_KEY)?,
        expected_version: headers::number(&headers, &EXPECTED_VERSION)?,
        reason: headers::text(&headers, &REASON)?,
    };
    let body = body::read(&headers, body).await?;
    let asked = shared.ask(target, &body, &terms, &caller)?;
    answer::response(asked).await
}
