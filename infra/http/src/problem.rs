//! Every error, as a problem of RFC 9457: a stable type, and a detail that says what to do. One mapping, one place.

mod failure;
mod kinds;

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub(crate) use kinds::*;
pub use kinds::{ALL, ProblemKind};

/// The content type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A position, in answers to commands, views and refusals.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("position");

/// How long to wait before asking again, where only load is in the way.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Names that are the problem's own; a field of a rejection that bears one gives way.
const OWN: [&str; 4] = ["type", "title", "status", "detail"];

/// Why a request was not answered, in words and in fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    status: StatusCode,
    detail: String,
    fields: Map<String, Value>,
    retry: bool,
    position: Option<u64>,
}

impl Problem {
    /// A problem of a known kind, with words that say what to do.
    pub(crate) fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind: Cow::Borrowed(kind.name),
            title: Cow::Borrowed(kind.title),
            status: kind.status(),
            detail: detail.into(),
            fields: Map::new(),
            retry: kind.retry,
            position: None,
        }
    }

    /// What a person heard whom an aggregate refused, and where that stands in the ledger.
    pub(crate) fn refused(said: jangbu_runtime::Problem, position: u64) -> Self {
        Self {
            title: Cow::Owned(said.kind.replace('_', " ")),
            kind: Cow::Owned(said.kind),
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: said.detail,
            fields: said.fields,
            retry: false,
            position: Some(position),
        }
        .with("position", position)
    }

    /// And this field.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable type: `already_shipped`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("title", &self.title)?;
        map.serialize_entry("status", &self.status.as_u16())?;
        map.serialize_entry("detail", &self.detail)?;
        for (name, value) in &self.fields {
            if !OWN.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is texts and JSON values");
        let mut response = (self.status, Bytes::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.retry {
            headers.insert(RETRY_AFTER, RETRY_SECONDS);
        }
        if let Some(position) = self.position {
            headers.insert(POSITION, HeaderValue::from(position));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_cannot_pretend_another_status() {
        let said = jangbu_runtime::Problem::new("already_shipped", "the parcel has left")
            .with("status", 200)
            .with("shipped_at", "noon");
        let text = serde_json::to_string(&Problem::refused(said, 7)).unwrap();
        assert_eq!(
            text,
            r#"{"type":"already_shipped","title":"already shipped","status":422,"detail":"the parcel has left","position":7,"shipped_at":"noon"}"#
        );
    }
}
