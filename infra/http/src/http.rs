//! The parts HTTP is made of, and the router that joins them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::middleware;
use axum::routing::{get, post};
use bytes::Bytes;
use jangbu_runtime::execute::Execute;
use jangbu_runtime::ports::{Clock, Documents, EventStore};
use jangbu_runtime::project::Views;
use jangbu_runtime::system::System;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::catalogue::Catalogue;
use crate::gate;
use crate::health::{self, Health};
use crate::problem::*;
use crate::{commands, events, index, openapi, views};

/// How much HTTP takes on.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// A command is answered within this time, one way or the other.
    pub command_deadline: Duration,
    /// Requests under way in the whole process; more are refused. Each may hold a body of 256 kB.
    pub requests: usize,
    /// Streams (events that are followed, files of commands) in the whole process; more are refused.
    pub streams: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            command_deadline: Duration::from_secs(10),
            requests: 4_096,
            streams: 256,
        }
    }
}

/// Everything that HTTP speaks for.
pub struct Http {
    /// What can be asked, and what is shown.
    pub system: Arc<System>,
    /// Carries commands out.
    pub execute: Arc<dyn Execute>,
    /// Where events are read.
    pub store: Arc<dyn EventStore>,
    /// Where views are read.
    pub documents: Arc<dyn Documents>,
    /// How this process is.
    pub health: Arc<dyn Health>,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Gives fresh command ids.
    pub clock: Arc<dyn Clock>,
    /// How much is taken on.
    pub options: HttpOptions,
    /// Cancelled when streams are to end; the same as for [`crate::serve()`].
    pub closing: CancellationToken,
}

/// What all handlers share.
pub(crate) struct Shared {
    pub(crate) http: Http,
    pub(crate) catalogue: Catalogue,
    pub(crate) views: Views,
    pub(crate) requests: Semaphore,
    pub(crate) openapi: Bytes,
    streams: Arc<Semaphore>,
}

impl Shared {
    /// The right to stream, for as long as it is held.
    pub(crate) fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Problem::new(
                &OVERLOADED,
                "too many streams are open here: ask again after Retry-After, or ask another process",
            )
        })
    }
}

/// Joins the parts.
pub fn router(http: Http) -> Router {
    let document = openapi::openapi(&http.system);
    let shared = Arc::new(Shared {
        catalogue: Catalogue::of(&http.system),
        views: Views::new(
            http.system.views(),
            Arc::clone(&http.documents),
            Arc::clone(&http.store),
        ),
        requests: Semaphore::new(http.options.requests),
        streams: Arc::new(Semaphore::new(http.options.streams)),
        openapi: Bytes::from(serde_json::to_vec(&document).expect("the document is JSON")),
        http,
    });
    Router::new()
        .route("/commands/{aggregate}/{id}/{command}", post(commands::one))
        .route("/commands", post(commands::batch))
        .route("/views/{view}/{key}", get(views::one))
        .route("/views/{view}", get(views::page))
        .route("/events/{position}", get(events::one))
        .route("/events", get(events::many))
        .route("/openapi.json", get(index::openapi))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/health/startup", get(health::startup))
        .route("/metrics", get(index::metrics))
        .route("/", get(index::index))
        .fallback(index::nothing_here)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            gate::pass,
        ))
        .layer(CatchPanicLayer::custom(gate::panicked))
        .with_state(shared)
}

/// What stands in the address, or why it cannot be read.
pub(crate) fn path<T>(address: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    address.map(|Path(parts)| parts).map_err(|rejection| {
        Problem::new(
            &MALFORMED,
            format!("the address cannot be read: {rejection}: write it percent-encoded, in UTF-8"),
        )
    })
}
