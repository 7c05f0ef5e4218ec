//! The two words of Kafka's protocol that show whether a broker answers, and which. No client library: probing with one
//! would cost its threads and its retries, and this crate has to stay light for every test binary.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A broker that has its port open answers at once; one that does not is asked again.
const LIMIT: Duration = Duration::from_secs(5);

/// No answer we ask for comes near this; more would be a stranger's.
const LARGEST_ANSWER: usize = 1 << 20;

const METADATA: i16 = 3;
const FIND_COORDINATOR: i16 = 10;

/// The cluster of the broker on `port`. A broker opens its port to clients only once the controller has admitted it, so
/// one that answers is ready; the id tells it from a stranger's.
pub(super) fn cluster_id(port: u16) -> io::Result<String> {
    // No topics, none created.
    let answer = ask(port, METADATA, 4, &[0, 0, 0, 0, 0])?;
    let mut answer = Answer(&answer);
    answer.skip(4)?;
    for _ in 0..answer.int()? {
        answer.skip(4)?;
        answer.text()?;
        answer.skip(4)?;
        answer.text()?;
    }
    answer
        .text()?
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Asks for the coordinator of some group, for which a new broker makes `__consumer_offsets`: the first real group then
/// finds it made. It comes by itself otherwise, so a failure is nobody's concern.
pub(super) fn make_offsets_topic(port: u16) {
    let group = "jangbu-warm-up";
    let mut body = (group.len() as u16).to_be_bytes().to_vec();
    body.extend(group.as_bytes());
    body.push(0);
    let _ = ask(port, FIND_COORDINATOR, 1, &body);
}

fn ask(port: u16, key: i16, version: i16, body: &[u8]) -> io::Result<Vec<u8>> {
    const CORRELATION: [u8; 4] = *b"jang";
    const NO_CLIENT_ID: [u8; 2] = [0xff, 0xff];
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let request = [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &CORRELATION,
        &NO_CLIENT_ID,
        body,
    ]
    .concat();
    stream.write_all(&[&(request.len() as u32).to_be_bytes()[..], &request].concat())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LARGEST_ANSWER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    match answer.strip_prefix(&CORRELATION) {
        Some(rest) => Ok(rest.to_vec()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// What is left to read of an answer.
struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    fn skip(&mut self, bytes: usize) -> io::Result<()> {
        self.0 = self.0.get(bytes..).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }

    fn int(&mut self) -> io::Result<i32> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*head))
    }

    /// A text with its length before it; a negative length means none.
    fn text(&mut self) -> io::Result<Option<String>> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        let Ok(length) = usize::try_from(i16::from_be_bytes(*head)) else {
            return Ok(None);
        };
        let text = self.0.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = &self.0[length..];
        Ok(Some(String::from_utf8_lossy(text).into_owned()))
    }
}
