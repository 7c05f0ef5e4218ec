//! HTTP/1.1 with keep-alive: one buffer out, one buffer in, lengths given by `Content-Length`.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, Request};

/// No answer that is measured is longer.
const LONGEST: usize = 1024 * 1024;

/// One connection.
pub struct One {
    stream: TcpStream,
    host: String,
    out: Vec<u8>,
    inbox: Vec<u8>,
}

/// What an answer's head says.
struct Head {
    length: usize,
    status: u16,
    body: usize,
    position: Option<u64>,
}

impl One {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("nobody listens on {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: address.to_string(),
            out: Vec::with_capacity(1024),
            inbox: Vec::with_capacity(8 * 1024),
        })
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer> {
        self.write(request)?;
        self.stream.write_all(&self.out).await?;
        self.inbox.clear();
        loop {
            let read = self.stream.read_buf(&mut self.inbox).await?;
            if read == 0 {
                bail!("the connection was closed before it answered");
            }
            let Some(head) = head(&self.inbox)? else {
                continue;
            };
            let whole = head.length + head.body;
            if self.inbox.len() < whole {
                self.inbox.reserve(whole - self.inbox.len());
                continue;
            }
            return Ok(Answer {
                status: head.status,
                position: head.position,
                body: Bytes::copy_from_slice(&self.inbox[head.length..whole]),
            });
        }
    }

    fn write(&mut self, request: &Request) -> Result<()> {
        let Self { out, host, .. } = self;
        out.clear();
        let method = if request.body.is_some() {
            "POST"
        } else {
            "GET"
        };
        write!(
            out,
            "{method} {} HTTP/1.1\r\nHost: {host}\r\n",
            request.path
        )?;
        if let Some(position) = request.min_position {
            write!(out, "Min-Position: {position}\r\nPrefer: wait=30\r\n")?;
        }
        match &request.body {
            Some(body) => {
                let length = body.len();
                write!(
                    out,
                    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
                )?;
                out.extend_from_slice(body);
            }
            None => out.extend_from_slice(b"\r\n"),
        }
        Ok(())
    }
}

/// Reads an answer's head, once all of it is there.
fn head(inbox: &[u8]) -> Result<Option<Head>> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(at) = inbox.windows(END.len()).position(|four| four == END) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&inbox[..at]).context("an answer's head is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .context("an answer has no status")?;
    let (mut body, mut position) = (None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("position") {
            position = value.trim().parse().ok();
        }
    }
    let body = body
        .filter(|length| *length <= LONGEST)
        .context("an answer says no length, or too great a one")?;
    Ok(Some(Head {
        length: at + END.len(),
        status,
        body,
        position,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nposition: 17\r\nContent-Length: 2\r\n\r\n{}";
        assert!(head(&text[..40]).unwrap().is_none());
        let head = head(text).unwrap().unwrap();
        assert_eq!((head.status, head.position, head.body), (201, Some(17), 2));
        assert_eq!(&text[head.length..], b"{}");
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
