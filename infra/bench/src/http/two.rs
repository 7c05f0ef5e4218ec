//! HTTP/2 without TLS: several lanes share a connection, each with one request at a time on it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{Answer, Request};

/// Lanes that share a connection.
pub(super) const STREAMS: usize = 32;

/// A connection that is shared.
pub type Shared = SendRequest<Full<Bytes>>;

/// Connects; the connection ends when the last that shares it is gone.
pub async fn connect(address: SocketAddr) -> Result<Shared> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nobody listens on {address}"))?;
    stream.set_nodelay(true)?;
    let (shared, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(shared)
}

/// A lane's own handle.
pub struct Two {
    shared: Shared,
    host: Arc<str>,
}

impl Two {
    /// One more lane on a connection to a host.
    #[must_use]
    pub fn new(shared: Shared, host: Arc<str>) -> Self {
        Self { shared, host }
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer> {
        let method = if request.body.is_some() {
            "POST"
        } else {
            "GET"
        };
        let mut asked = hyper::Request::builder()
            .method(method)
            .uri(format!("http://{}{}", self.host, request.path));
        if request.body.is_some() {
            asked = asked.header("content-type", "application/json");
        }
        if let Some(position) = request.min_position {
            asked = asked
                .header("min-position", position)
                .header("prefer", "wait=30");
        }
        let body = request.body.clone().unwrap_or_default();
        self.shared.ready().await?;
        let answer = self
            .shared
            .send_request(asked.body(Full::new(body))?)
            .await?;
        let position = answer.headers().get("position");
        Ok(Answer {
            status: answer.status().as_u16(),
            position: position.and_then(|text| text.to_str().ok()?.parse().ok()),
            body: answer.into_body().collect().await?.to_bytes(),
        })
    }
}
