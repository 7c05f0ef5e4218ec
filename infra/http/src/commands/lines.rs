//! A body of lines, taken in one at a time: never more of it in memory than one line may have.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::body::{BODY_BYTES, too_large};
use crate::problem::{MALFORMED, Problem, TOO_SLOW};

/// A command's body, and what stands around it in a line.
const LINE_BYTES: usize = BODY_BYTES + 4 * 1024;

/// How long the next piece of a body may take to arrive.
const PIECE_TIME: Duration = Duration::from_secs(30);

/// The lines of a body.
pub(super) struct Lines {
    body: BodyDataStream,
    buffer: BytesMut,
    /// Up to here the buffer holds no end of a line.
    searched: usize,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
    ended: bool,
}

/// What became of the next line.
pub(super) enum Next {
    /// Here it is.
    Line(Bytes),
    /// It cannot be read; the ones after it can.
    Bad(Problem),
    /// Nor can anything after it.
    Broken(Problem),
    /// There is none.
    End,
}

impl Lines {
    pub(super) fn of(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
            searched: 0,
            skipping: false,
            ended: false,
        }
    }

    /// The next line that is not blank. Dropped half way, nothing is lost.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            if let Some(next) = self.buffered() {
                return next;
            }
            if self.ended {
                return Next::End;
            }
            match tokio::time::timeout(PIECE_TIME, self.body.next()).await {
                Ok(Some(Ok(piece))) => self.buffer.extend_from_slice(&piece),
                Ok(None) => self.ended = true,
                Ok(Some(Err(_))) => return self.broken(&MALFORMED, "the body broke off"),
                Err(_) => return self.broken(&TOO_SLOW, "the next line did not arrive in time"),
            }
        }
    }

    fn broken(&mut self, kind: &'static crate::problem::ProblemKind, what: &str) -> Next {
        self.ended = true;
        self.buffer.clear();
        self.searched = 0;
        let todo = "send the lines that have no answer again, with the same command_id each";
        Next::Broken(Problem::new(kind, format!("{what}: {todo}")))
    }

    fn buffered(&mut self) -> Option<Next> {
        loop {
            let Some(line) = self.cut() else {
                if self.buffer.len() <= LINE_BYTES {
                    return None;
                }
                // The line is too long whatever comes; what is there of it need not be kept.
                self.buffer.clear();
                self.searched = 0;
                if std::mem::replace(&mut self.skipping, true) {
                    return None;
                }
                return Some(Next::Bad(too_large()));
            };
            let was_skipped = std::mem::take(&mut self.skipping);
            if was_skipped || line.trim_ascii().is_empty() {
                continue;
            }
            if line.len() > LINE_BYTES {
                return Some(Next::Bad(too_large()));
            }
            return Some(Next::Line(line));
        }
    }

    /// Cuts the first line off the buffer; at the end of the body that is whatever is left.
    fn cut(&mut self) -> Option<Bytes> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|b| *b == b'\n');
        let searched = std::mem::take(&mut self.searched);
        match end {
            Some(end) => Some(self.buffer.split_to(searched + end + 1).freeze()),
            None if self.ended && !self.buffer.is_empty() => Some(self.buffer.split().freeze()),
            None => {
                self.searched = self.buffer.len();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    async fn read(pieces: Vec<Vec<u8>>) -> Vec<String> {
        let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
        let mut lines = Lines::of(Body::from_stream(pieces));
        let mut read = Vec::new();
        loop {
            match lines.next().await {
                Next::Line(line) => {
                    read.push(String::from_utf8(line.trim_ascii().to_vec()).unwrap());
                }
                Next::Bad(problem) | Next::Broken(problem) => read.push(problem.kind().to_owned()),
                Next::End => return read,
            }
        }
    }

    #[tokio::test]
    async fn lines_are_cut_wherever_the_pieces_end() {
        let text = b"one\n\n  \r\ntwo\nthree";
        for size in 1..text.len() {
            let pieces = text.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(
                read(pieces).await,
                ["one", "two", "three"],
                "pieces of {size}"
            );
        }
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_and_told_once() {
        let long = vec![b'x'; LINE_BYTES + 1];
        let next = b"\nnext\n".to_vec();
        assert_eq!(
            read(vec![long.clone(), next.clone()]).await,
            ["too_large", "next"]
        );
        let again = vec![long.clone(), long.clone(), long, next];
        assert_eq!(read(again).await, ["too_large", "next"]);
    }
}
