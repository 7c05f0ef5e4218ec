//! `POST /commands`: a file of commands, one a line, answered one a line, in the same order, while it is still coming.
//!
//! Lines are handed over as they arrive, so those of one aggregate run in line order and others side by side. What is
//! under way is bounded; a caller who does not read the answers is not read from either.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{FuturesOrdered, StreamExt};
use futures::{FutureExt, stream};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use super::answer;
use super::ask::{Asked, Terms};
use super::lines::{Lines, Next};
use crate::accept::{self, JSON, NDJSON};
use crate::headers::{self, Caller};
use crate::http::Shared;
use crate::problem::{MALFORMED, Problem, SHUTTING_DOWN};

/// Lines of one request that have no answer yet.
const LINES_UNDER_WAY: usize = 256;
/// Bytes of those lines.
const BYTES_UNDER_WAY: usize = 4 * 1024 * 1024;
/// What is written at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What lines may be called; the first is what they should be called.
const LINES: [&str; 4] = [
    NDJSON,
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    #[serde(borrow, default)]
    command_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    aggregate: Cow<'l, str>,
    #[serde(borrow)]
    id: Cow<'l, str>,
    #[serde(borrow)]
    command: Cow<'l, str>,
    #[serde(borrow, default)]
    body: Option<&'l RawValue>,
    #[serde(default)]
    expected_version: Option<u64>,
    #[serde(borrow, default)]
    reason: Option<Cow<'l, str>>,
}

/// Carries a file of commands out.
pub(crate) async fn batch(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    accept::best(&headers, &[NDJSON, JSON])?;
    headers::content_type(&headers, &LINES)?;
    let batch = Batch {
        caller: Caller::of(&headers)?,
        _stream: shared.stream_permit()?,
        shared,
        lines: Lines::of(body),
        under_way: FuturesOrdered::new(),
        bytes: 0,
        ended: false,
    };
    let answers = stream::unfold(batch, |mut batch| async move {
        let piece = batch.piece().await?;
        Some((Ok::<_, Infallible>(piece), batch))
    });
    let mut response = Body::from_stream(answers).into_response();
    let kind = HeaderValue::from_static(NDJSON);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// An answer to come, with the bytes of the line that asked.
type Answering = Pin<Box<dyn Future<Output = (Vec<u8>, usize)> + Send>>;

struct Batch {
    shared: Arc<Shared>,
    caller: Caller,
    lines: Lines,
    under_way: FuturesOrdered<Answering>,
    bytes: usize,
    ended: bool,
    _stream: OwnedSemaphorePermit,
}

impl Batch {
    /// The next answers; none at the end.
    async fn piece(&mut self) -> Option<Bytes> {
        let closing = self.shared.http.closing.clone();
        loop {
            let room = self.under_way.len() < LINES_UNDER_WAY && self.bytes < BYTES_UNDER_WAY;
            tokio::select! {
                biased;
                Some(answer) = self.under_way.next(), if !self.under_way.is_empty() => {
                    return Some(self.answered(answer));
                }
                () = closing.cancelled(), if !self.ended => {
                    self.ended = true;
                    self.push(Err(Problem::new(
                        &SHUTTING_DOWN,
                        "this process is shutting down: send the lines that have no answer again",
                    )), 0);
                }
                next = self.lines.next(), if room && !self.ended => self.take(next),
                else => return None,
            }
        }
    }

    /// An answer and those that are there with it.
    fn answered(&mut self, (mut piece, bytes): (Vec<u8>, usize)) -> Bytes {
        self.bytes -= bytes;
        while piece.len() < PIECE_BYTES {
            let Some(Some((answer, bytes))) = self.under_way.next().now_or_never() else {
                break;
            };
            self.bytes -= bytes;
            piece.extend_from_slice(&answer);
        }
        piece.into()
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Line(line) => {
                let asked = self.ask(&line);
                self.push(asked, line.len());
            }
            Next::Bad(problem) => self.push(Err(problem), 0),
            Next::Broken(problem) => {
                self.ended = true;
                self.push(Err(problem), 0);
            }
            Next::End => self.ended = true,
        }
    }

    fn push(&mut self, asked: Result<Asked, Problem>, bytes: usize) {
        self.bytes += bytes;
        self.under_way
            .push_back(Box::pin(answer::line(asked).map(move |line| (line, bytes))));
    }

    fn ask(&self, line: &[u8]) -> Result<Asked, Problem> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| {
            Problem::new(
                &MALFORMED,
                format!(
                    "the line cannot be read: {error}: write \
                     {{\"aggregate\":…,\"id\":…,\"command\":…,\"body\":{{…}}}}, with command_id, expected_version \
                     and reason as you like"
                ),
            )
        })?;
        let target = self
            .shared
            .target(&line.aggregate, &line.id, &line.command, &self.caller)?;
        let terms = Terms {
            key: line.command_id.as_deref(),
            expected_version: line.expected_version,
            reason: line.reason.as_deref(),
        };
        let body = line.body.map_or("{}", RawValue::get);
        self.shared
            .ask(target, body.as_bytes(), &terms, &self.caller)
    }
}
