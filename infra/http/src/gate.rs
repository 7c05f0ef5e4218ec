//! What every request passes: so many at once and no more, measured, and answered with a problem if with an error.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jangbu_runtime::metric_definitions::{HTTP_REQUESTS, HTTP_TIME};
use uuid::Uuid;

use crate::http::Shared;
use crate::problem::*;

/// Bytes of an unread body that a connection reads past and lives on.
const READ_PAST: u64 = 4 * 1024;

/// Lets a request through.
pub(crate) async fn pass(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let may_leave_body = may_leave_body(&request);
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
    let mut answer = as_problem(answer, route.as_ref());
    if may_leave_body && is_error(answer.status()) {
        // A body that nobody read is in the way of the next request.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// True if the request's body may be too large to be read past, should it be answered without being read. HTTP/2 gives
/// every request a stream of its own.
fn may_leave_body(request: &Request) -> bool {
    let known_size = request.body().size_hint().exact();
    request.version() <= Version::HTTP_11 && known_size.is_none_or(|bytes| bytes > READ_PAST)
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
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
    let kind = answer.headers().get(CONTENT_TYPE);
    if !is_error(status) || kind.is_some_and(|kind| kind == PROBLEM_JSON) {
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
