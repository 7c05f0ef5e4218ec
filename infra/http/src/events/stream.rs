//! Events as a stream: read in pieces as fast as the reader takes them, and followed where they are to be followed.
//!
//! A stream that is to end ends at the head it found; if it cannot get there it breaks off, so that nobody takes a part
//! for the whole. One that follows ends in order when the process shuts down; the reader comes back with its position.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use event_schemas::Envelope;
use event_schemas::cloud_event::Structured;
use jangbu_runtime::ports::{Arrivals, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::query::EventsQuery;
use crate::accept::{NDJSON, SSE};
use crate::http::Shared;
use crate::problem::Problem;

/// Events read at once; one may have 900 kB.
const EVENTS_AT_ONCE: usize = 100;
/// How often a reader of server-sent events hears that we are still here, and how far the ledger was searched.
const STILL_HERE: Duration = Duration::from_secs(15);
/// Looked for by itself, in case news got lost.
const POLL: Duration = Duration::from_secs(5);
/// A store that is away is asked again after this, then twice as long, …
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A store that is away for longer breaks the stream off.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line of JSON for each event.
    Lines,
    /// `id:` = position, `data:` = the event; always followed.
    ServerSent,
}

/// Answers with a stream.
pub(super) async fn response(
    shared: Arc<Shared>,
    query: EventsQuery,
    form: Form,
) -> Result<Response, Problem> {
    let permit = shared.stream_permit()?;
    let store = &shared.http.store;
    let head = store
        .head()
        .await
        .map_err(|error| Problem::of_store(&error))?;
    let follows = query.follow || form == Form::ServerSent;
    let until = query.filter.until;
    let reader = Reader {
        arrivals: store.arrivals(),
        at: query.from.unwrap_or(0),
        end: if follows {
            until
        } else {
            Some(until.map_or(head.position, |u| u.min(head.position)))
        },
        left: query.limit,
        follows,
        form,
        query,
        told: None,
        began: false,
        shared,
        _permit: permit,
    };
    let pieces = futures::stream::try_unfold(reader, |mut reader| async move {
        let piece = reader.piece().await?;
        Ok::<_, Broken>(piece.map(|piece| (piece, reader)))
    });
    let kind = match form {
        Form::Lines => NDJSON,
        Form::ServerSent => SSE,
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The stream ends before its end; the connection is closed so that the reader notices.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the process is shutting down")]
    ShuttingDown,
    #[error("the store gave no answer")]
    Store(#[source] StoreError),
    #[error("a stored event cannot be written")]
    Unwritable(#[source] std::io::Error),
}

struct Reader {
    shared: Arc<Shared>,
    query: EventsQuery,
    arrivals: Arrivals,
    form: Form,
    follows: bool,
    /// Searched up to here.
    at: u64,
    /// The last position that is wanted, if there is a last one.
    end: Option<u64>,
    /// How many more events are wanted.
    left: Option<usize>,
    /// The position the reader was told last.
    told: Option<u64>,
    began: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next piece of the stream; none at its end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        if !std::mem::replace(&mut self.began, true) && self.form == Form::ServerSent {
            // The reader sees at once that it is heard.
            return Ok(Some(Bytes::from_static(b"retry: 1000\n\n")));
        }
        let closing = self.shared.http.closing.clone();
        let mut still_here = Instant::now() + STILL_HERE;
        loop {
            if self.is_done() {
                return Ok(None);
            }
            let step = tokio::select! {
                biased;
                () = closing.cancelled() => {
                    return if self.follows { Ok(None) } else { Err(Broken::ShuttingDown) };
                }
                step = self.step(still_here) => step?,
            };
            match step {
                Step::Events(events) if !events.is_empty() => return self.write(&events).map(Some),
                Step::Events(_) => {}
                Step::StillHere => {
                    still_here = Instant::now() + STILL_HERE;
                    if let Some(word) = self.still_here() {
                        return Ok(Some(word));
                    }
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.at >= end) || self.left == Some(0)
    }

    /// Reads on; where there is nothing, waits for news.
    async fn step(&mut self, still_here: Instant) -> Result<Step, Broken> {
        let before = self.at;
        // Seen before the search, so that news which comes during it wakes us.
        self.arrivals.borrow_and_update();
        let events = self.search().await?;
        if !events.is_empty() || self.at > before {
            return Ok(Step::Events(events));
        }
        tokio::select! {
            news = timeout(POLL, self.arrivals.changed()) => {
                if matches!(news, Ok(Err(_))) {
                    // Nobody tells news any more: ask now and then.
                    sleep(POLL).await;
                }
                Ok(Step::Events(Vec::new()))
            }
            () = tokio::time::sleep_until(still_here) => Ok(Step::StillHere),
        }
    }

    async fn search(&mut self) -> Result<Vec<Envelope>, Broken> {
        let limit = self.left.unwrap_or(EVENTS_AT_ONCE).min(EVENTS_AT_ONCE);
        let patience = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let store = &self.shared.http.store;
            match store.search(&self.query.filter, self.at, limit).await {
                Ok((events, searched)) => {
                    self.at = searched.max(self.at);
                    return Ok(events);
                }
                Err(error) if error.is_transient() && Instant::now() < patience => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    tracing::warn!(%error, at = self.at, "a stream of events breaks off");
                    return Err(Broken::Store(error));
                }
            }
        }
    }

    fn write(&mut self, events: &[Envelope]) -> Result<Bytes, Broken> {
        let source = self.shared.http.store.source();
        let mut piece = Vec::with_capacity(events.len() * 1_024);
        for told in events {
            if self.end.is_some_and(|end| told.position > end) {
                break;
            }
            let written = write_event(
                &mut piece,
                self.form,
                told.position,
                &Structured::new(told, &source, None),
            );
            written.map_err(Broken::Unwritable)?;
            self.told = Some(told.position);
        }
        self.left = self.left.map(|left| left.saturating_sub(events.len()));
        Ok(piece.into())
    }

    /// A reader of server-sent events that hears nothing for long is told how far we searched, so that it goes on from
    /// there when it comes back.
    fn still_here(&mut self) -> Option<Bytes> {
        if self.form != Form::ServerSent {
            return None;
        }
        let word = if self.told.replace(self.at) == Some(self.at) {
            ":\n\n".to_owned()
        } else {
            format!("id: {}\n\n", self.at)
        };
        Some(word.into())
    }
}

enum Step {
    Events(Vec<Envelope>),
    StillHere,
}

fn write_event(
    piece: &mut Vec<u8>,
    form: Form,
    position: u64,
    event: &Structured<'_>,
) -> std::io::Result<()> {
    if form == Form::ServerSent {
        write!(piece, "id: {position}\ndata: ")?;
    }
    let from = piece.len();
    serde_json::to_writer(&mut *piece, event)?;
    one_line(&mut piece[from..]);
    piece.extend_from_slice(match form {
        Form::Lines => b"\n".as_slice(),
        Form::ServerSent => b"\n\n",
    });
    Ok(())
}

/// A payload goes out as it was stored, and an adopted store may hold JSON with line breaks. In JSON they only ever stand
/// between tokens, where a space does as well.
fn one_line(json: &mut [u8]) {
    for byte in json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use event_schemas::Source;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_event_that_was_stored_with_line_breaks_is_still_one_line() {
        let told = Envelope {
            position: 7,
            event_id: Uuid::nil(),
            aggregate: "old".into(),
            id: "1".to_owned(),
            sequence: 1,
            name: "Done".into(),
            version: "1.0".into(),
            payload: Bytes::from_static(b"{\n  \"note\": \"a\\nb\"\r\n}"),
            metadata: Bytes::from_static(b"{}"),
            command_id: Uuid::nil(),
            command_ordinal: 0,
            recorded_at: DateTime::UNIX_EPOCH,
        };
        let source = Source {
            store: "mall".to_owned(),
            incarnation: Uuid::nil(),
        };
        let event = Structured::new(&told, &source, None);
        let mut piece = Vec::new();
        write_event(&mut piece, Form::ServerSent, 7, &event).unwrap();
        let text = String::from_utf8(piece).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "id: 7"), "{text}");
        let data: serde_json::Value =
            serde_json::from_str(lines[1].strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["data"]["note"], "a\nb");
    }
}
