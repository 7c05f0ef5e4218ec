//! Which HTTP a connection speaks: HTTP/2 begins with a preface that no other request begins with.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The version a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// Reads until the version is clear; what was read is handed back to be read again. None if nothing came.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(Version, Bytes)>> {
    let mut begun = BytesMut::with_capacity(PREFACE.len());
    loop {
        let room = PREFACE.len() - begun.len();
        if stream.take(room as u64).read_buf(&mut begun).await? == 0 {
            return Ok((!begun.is_empty()).then(|| (Version::One, begun.freeze())));
        }
        if !PREFACE.starts_with(&begun) {
            return Ok(Some((Version::One, begun.freeze())));
        }
        if begun.len() == PREFACE.len() {
            return Ok(Some((Version::Two, begun.freeze())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_preface_is_http_2_however_it_is_cut_and_all_else_is_http_1() {
        for (sent, version) in [
            (PREFACE, Some(Version::Two)),
            (
                b"POST /commands HTTP/1.1\r\n".as_slice(),
                Some(Version::One),
            ),
            (b"PRI * HTTP/1.1\r\n\r\n".as_slice(), Some(Version::One)),
            (b"PR".as_slice(), Some(Version::One)),
            (b"".as_slice(), None),
        ] {
            for size in 1..=PREFACE.len() {
                let mut pieces = tokio_test_pieces(sent, size);
                let read = read(&mut pieces).await.unwrap();
                assert_eq!(read.as_ref().map(|(version, _)| *version), version);
                let begun = read.map(|(_, begun)| begun).unwrap_or_default();
                assert!(sent.starts_with(&begun));
            }
        }
    }

    /// Gives at most `size` bytes at a time.
    fn tokio_test_pieces(sent: &'static [u8], size: usize) -> impl AsyncRead + Unpin {
        let (mut ours, theirs) = tokio::io::duplex(size);
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let _ = ours.write_all(sent).await;
        });
        theirs
    }
}
