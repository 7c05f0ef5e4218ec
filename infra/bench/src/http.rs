//! The load generator's HTTP client: as cheap as can be, because it shares the cores with what it measures.

mod one;
mod two;

mod lanes;
mod open;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;

pub use lanes::{Lane, drive};
pub use one::One;
pub use open::{Metronome, tick};
pub use two::{Two, connect};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET if there is no body, else POST.
    pub path: String,
    /// JSON.
    pub body: Option<Bytes>,
    /// `Min-Position`.
    pub min_position: Option<u64>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header `Position`.
    pub position: Option<u64>,
    /// The body.
    pub body: Bytes,
}

/// A POST of JSON.
#[must_use]
pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Request {
    Request {
        path: path.into(),
        body: Some(body.into()),
        min_position: None,
    }
}

/// A GET.
#[must_use]
pub fn get(path: impl Into<String>) -> Request {
    Request {
        path: path.into(),
        body: None,
        min_position: None,
    }
}

impl Request {
    /// With `Min-Position`.
    #[must_use]
    pub fn at_least(mut self, position: u64) -> Self {
        self.min_position = Some(position);
        self
    }
}

impl Answer {
    /// An error unless it has this status.
    pub fn must_be(self, status: u16) -> Result<Self> {
        let body = String::from_utf8_lossy(&self.body);
        ensure!(
            self.status == status,
            "{} instead of {status}: {body}",
            self.status
        );
        Ok(self)
    }
}

/// One request at a time, over a connection of its own (HTTP/1.1) or a shared one (HTTP/2).
pub enum Client {
    /// HTTP/1.1
    One(One),
    /// HTTP/2
    Two(Two),
}

/// In which version to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A connection per lane.
    One,
    /// A few connections, shared.
    Two,
}

impl Client {
    /// A connection of its own.
    pub async fn one(address: SocketAddr) -> Result<Self> {
        Ok(Self::One(One::connect(address).await?))
    }

    /// As many clients as asked; over HTTP/2 up to `STREAMS` of them share a connection.
    pub async fn many(address: SocketAddr, version: Version, count: usize) -> Result<Vec<Self>> {
        let mut clients = Vec::with_capacity(count);
        match version {
            Version::One => {
                for _ in 0..count {
                    clients.push(Self::one(address).await?);
                }
            }
            Version::Two => {
                let host: Arc<str> = address.to_string().into();
                while clients.len() < count {
                    let shared = connect(address).await?;
                    let some = two::STREAMS.min(count - clients.len());
                    clients.extend(
                        (0..some).map(|_| Self::Two(Two::new(shared.clone(), Arc::clone(&host)))),
                    );
                }
            }
        }
        Ok(clients)
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer> {
        match self {
            Self::One(one) => one.ask(request).await,
            Self::Two(two) => two.ask(request).await,
        }
    }
}
