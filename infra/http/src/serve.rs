//! Accepts connections, so many and no more, and lets them end in order when the process does.

mod connection;
mod version;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connection::Connection;

/// How connections are served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Connections at once; more wait in the listener's queue.
    pub connections: usize,
    /// How long a request's headers may take to arrive, and how long a connection may stand idle.
    pub head_time: Duration,
    /// How long a peer may take no bytes at all before it is given up.
    pub stall_time: Duration,
    /// How long requests under way may take to end when serving ends.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections: 8_192,
            head_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(60),
            drain: Duration::from_secs(15),
        }
    }
}

/// After an error of the listener (no more files, say) it is asked again after this.
const PAUSE: Duration = Duration::from_millis(50);
/// What is cut off at the end of the drain has this long to notice.
const CUT_OFF: Duration = Duration::from_secs(1);

/// Serves until `cancel`, then lets requests under way end, for as long as the options allow.
///
/// Speaks HTTP/1.1, and HTTP/2 to whoever begins with it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    cancel: CancellationToken,
    options: ServeOptions,
) {
    let tracker = TaskTracker::new();
    // Cancelled when the drain is over: what still runs is cut off, also when this future is dropped.
    let cut = CancellationToken::new();
    let _cut_on_drop = cut.clone().drop_guard();
    let room = Arc::new(Semaphore::new(options.connections));
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "a connection was gone before it was served");
            continue;
        }
        let connection = Connection {
            router: router.clone(),
            options: options.clone(),
            cancel: cancel.clone(),
            cut: cut.clone(),
            tracker: tracker.clone(),
        };
        tracker.spawn(async move {
            connection.run(stream).await;
            drop(permit);
        });
    }
    drop(listener);
    tracker.close();
    if timeout(options.drain, tracker.wait()).await.is_err() {
        tracing::warn!(
            requests = tracker.len(),
            "requests did not end in time and are cut off"
        );
        cut.cancel();
        // Whatever does not even notice that is left to the runtime.
        let _ = timeout(CUT_OFF, tracker.wait()).await;
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers are small and go out at once; a peer that vanished is noticed, even where nothing is sent.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
