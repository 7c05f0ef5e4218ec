//! What every request passes: so many at once and no more, measured, and answered with a problem if with an error.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jangbu_runtime::metric_definitions::{HTTP_REQUESTS, HTTP_TIME};
use uuid::Uuid;

use crate::http::Shared;
use crate::problem::*;

/// Lets a request through.
pub(crate) async fn pass(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = if is_watched(&request) {
        next.run(request).await
    } else if let Ok(_permit) = shared.requests.try_acquire() {
        next.run(request).await
    } else {
        Problem::new(
            &OVERLOADED,
            "too many requests are under way here and nothing was done: ask again after Retry-After",
        )
        .into_response()
    };
    measure(route.as_ref(), began, answer.status());
    as_problem(answer, route.as_ref())
}

/// Whoever watches over this process is heard however much it has to do.
fn is_watched(request: &Request) -> bool {
    let path = request.uri().path();
    path.starts_with("/health/") || path == "/metrics"
}

fn measure(route: Option<&MatchedPath>, began: Instant, status: StatusCode) {
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    metrics::counter!(HTTP_REQUESTS, "route" => route.clone(), "status" => code(status))
        .increment(1);
    metrics::histogram!(HTTP_TIME, "route" => route).record(began.elapsed());
}

/// As text, without one for each request in the usual cases.
fn code(status: StatusCode) -> std::borrow::Cow<'static, str> {
    match status {
        StatusCode::OK => "200".into(),
        StatusCode::CREATED => "201".into(),
        StatusCode::UNPROCESSABLE_ENTITY => "422".into(),
        other => other.as_str().to_owned().into(),
    }
}

/// Errors that axum itself answers have no words, or not ours.
fn as_problem(answer: Response, route: Option<&MatchedPath>) -> Response {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = answer.headers().get(CONTENT_TYPE);
    if !is_error || kind.is_some_and(|kind| kind == PROBLEM_JSON) {
        return answer;
    }
    let problem = if status == StatusCode::METHOD_NOT_ALLOWED {
        // axum adds the header Allow on the way out.
        let asks = route.is_some_and(|route| route.as_str().starts_with("/commands"));
        let method = if asks { "POST" } else { "GET" };
        Problem::new(
            &METHOD_NOT_ALLOWED,
            format!("this method is not known here: use {method}"),
        )
    } else if status.is_server_error() {
        Problem::internal(&Uuid::now_v7().to_string())
    } else {
        Problem::new(
            &MALFORMED,
            format!("the request cannot be read ({status}): see /openapi.json"),
        )
    };
    problem.into_response()
}

/// A handler panicked: the caller gets a reference, the log the words.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let reference = Uuid::now_v7().to_string();
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(reference, panic = what, "a request's handler panicked");
    Problem::internal(&reference).into_response()
}
