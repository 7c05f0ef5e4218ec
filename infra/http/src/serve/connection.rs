//! One connection, from its first byte to its last.

use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::ServeOptions;
use super::version::{self, Version};
use super::wire::Wire;

/// Bytes of a request's headers.
const HEAD_BYTES: usize = 64 * 1024;
/// HTTP/2 requests at once on one connection.
const STREAMS: u32 = 256;
/// An idle HTTP/2 connection is asked whether it is still there this often, …
const PING_EVERY: Duration = Duration::from_secs(30);
/// … and has this long to say so.
const PING_TIME: Duration = Duration::from_secs(20);

pub(super) struct Connection {
    pub(super) router: Router,
    pub(super) options: ServeOptions,
    pub(super) cancel: CancellationToken,
    pub(super) cut: CancellationToken,
    pub(super) tracker: TaskTracker,
}

impl Connection {
    /// Serves it until the peer ends it, the process shuts down, or it is cut off.
    pub(super) async fn run(self, stream: TcpStream) {
        let cut = self.cut.clone();
        tokio::select! {
            biased;
            () = cut.cancelled() => {}
            () = self.serve(stream) => {}
        }
    }

    async fn serve(self, mut stream: TcpStream) {
        let begun = tokio::select! {
            begun = tokio::time::timeout(self.options.head_time, version::read(&mut stream)) => begun,
            () = self.cancel.cancelled() => return,
        };
        // Nothing came, or nothing in time.
        let Ok(Ok(Some((version, begun)))) = begun else {
            return;
        };
        let wire = TokioIo::new(Wire::new(stream, begun, self.options.stall_time));
        let router = self
            .router
            .map_request(|request: Request<Incoming>| request.map(Body::new));
        let service = TowerToHyperService::new(router);
        match version {
            Version::One => {
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(self.options.head_time)
                    .max_buf_size(HEAD_BYTES)
                    .serve_connection(wire, service);
                drive(
                    connection,
                    http1::Connection::graceful_shutdown,
                    &self.cancel,
                )
                .await;
            }
            Version::Two => {
                let connection = http2::Builder::new(Tracked(self.tracker))
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(STREAMS)
                    .max_header_list_size(HEAD_BYTES as u32)
                    .keep_alive_interval(PING_EVERY)
                    .keep_alive_timeout(PING_TIME)
                    .serve_connection(wire, service);
                drive(
                    connection,
                    http2::Connection::graceful_shutdown,
                    &self.cancel,
                )
                .await;
            }
        }
    }
}

/// Serves until the peer ends the connection; once cancelled, until the requests under way are answered.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    end: fn(Pin<&mut C>),
    cancel: &CancellationToken,
) {
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cancel.cancelled() => {
            end(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// HTTP/2 serves each request in a task; it has an owner like every other.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
