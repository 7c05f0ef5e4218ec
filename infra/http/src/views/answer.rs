//! What all answers of views share: position, ETag, and a word where the view has stopped.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use event_schemas::Source;
use jangbu_runtime::ports::{Read, ViewDefinition};
use serde::Serialize;

use crate::accept::JSON;
use crate::problem::{POSITION, Problem};

const STALE: HeaderName = HeaderName::from_static("stale");

/// Which state an answer is of; the same state has the same tag.
pub(super) struct State {
    position: u64,
    stopped: Option<u64>,
    tag: HeaderValue,
}

impl State {
    /// The state of a view as it was read. A position means something within an incarnation and a version only.
    pub(super) fn of<T>(read: &Read<T>, view: &ViewDefinition, source: &Source) -> Self {
        let incarnation = source.incarnation.simple();
        let tag = format!("\"{incarnation}-v{}-{}\"", view.version, read.position);
        Self {
            position: read.position,
            stopped: read.stopped.as_ref().map(|(position, _)| *position),
            tag: HeaderValue::try_from(tag).expect("hex and numbers are a header's text"),
        }
    }

    /// Whether the caller has this very state already (`If-None-Match`).
    pub(super) fn is_known(&self, asked: &HeaderMap) -> bool {
        asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == "*" || tag.as_bytes() == self.tag.as_bytes())
    }

    /// Says that nothing changed.
    pub(super) fn unchanged(&self) -> Response {
        self.with_headers(StatusCode::NOT_MODIFIED.into_response())
    }

    /// Says what stands there.
    pub(super) fn json(&self, body: &impl Serialize) -> Result<Response, Problem> {
        let body = serde_json::to_vec(body)
            .map_err(|_| Problem::internal(&format!("position {}", self.position)))?;
        let mut response = Bytes::from(body).into_response();
        let kind = HeaderValue::from_static(JSON);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Ok(self.with_headers(response))
    }

    /// A problem is of a state, too.
    pub(super) fn with_headers(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(POSITION, HeaderValue::from(self.position));
        headers.insert(ETAG, self.tag.clone());
        // Kept by whomever, it is to be asked about each time.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(at) = self.stopped {
            let stale = HeaderValue::try_from(format!("stopped; position={at}"));
            headers.insert(STALE, stale.expect("a number is a header's text"));
        }
        response
    }
}
