//! The few words of PostgreSQL's protocol that show whether it answers and that make a database. No driver: this crate
//! has to start a server for those who bring theirs.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::server::ServerError;

/// Version 3.0 of the protocol, spoken by every server since 2003.
const PROTOCOL: i32 = 196_608;

/// One side of a conversation may be silent for so long; making a database on a busy disk takes a second.
const LIMIT: Duration = Duration::from_secs(60);

/// No answer we ask for comes near this; more would be a stranger's.
const LARGEST_MESSAGE: usize = 1 << 20;

/// A session of the superuser.
pub(crate) struct Wire {
    stream: TcpStream,
}

type Row = Vec<Option<String>>;

impl Wire {
    /// Connects and waits until the server is ready for a query.
    pub(crate) fn connect(port: u16, database: &str) -> Result<Self, ServerError> {
        let connecting = ServerError::doing(format!("connect to PostgreSQL on 127.0.0.1:{port}"));
        let stream = open(port).map_err(connecting)?;
        let mut wire = Self { stream };
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for word in ["user", "postgres", "database", database, ""] {
            body.extend(word.as_bytes());
            body.push(0);
        }
        wire.send(None, &body)?;
        wire.until_ready()?;
        Ok(wire)
    }

    /// Runs `sql` and returns the rows as text.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<Row>, ServerError> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.until_ready()
    }

    fn send(&mut self, tag: Option<u8>, body: &[u8]) -> Result<(), ServerError> {
        let mut message: Vec<u8> = tag.into_iter().collect();
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend(body);
        self.stream
            .write_all(&message)
            .map_err(ServerError::doing("write to PostgreSQL"))
    }

    /// Reads up to ReadyForQuery. An error is kept until then, since after one in a query the session goes on.
    fn until_ready(&mut self) -> Result<Vec<Row>, ServerError> {
        let mut rows = Vec::new();
        let mut refused = None;
        loop {
            let (tag, body) = match self.receive() {
                Ok(message) => message,
                // The server ends a session it refuses to begin, right after saying why.
                Err(error) => {
                    return Err(refused.unwrap_or(ServerError::Io {
                        doing: "read from PostgreSQL".to_owned(),
                        source: error,
                    }));
                }
            };
            match tag {
                b'Z' => return refused.map_or(Ok(rows), Err),
                b'E' => refused = Some(ServerError::Refused(words_of_error(&body))),
                b'D' => rows.push(
                    row(&body)
                        .ok_or_else(|| ServerError::Refused("a row that is none".to_owned()))?,
                ),
                b'R' if body != [0; 4] => {
                    return Err(ServerError::Refused(
                        "it wants a password, so it is not ours".to_owned(),
                    ));
                }
                _ => (),
            }
        }
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let length = length
            .checked_sub(4)
            .filter(|length| *length <= LARGEST_MESSAGE);
        let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

fn open(port: u16) -> io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The message field (M) of an ErrorResponse, and its code (C).
fn words_of_error(body: &[u8]) -> String {
    let field = |kind: u8| {
        body.split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&kind))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    };
    format!(
        "{} ({})",
        field(b'M').unwrap_or_default(),
        field(b'C').unwrap_or_default()
    )
}

fn row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    (0..u16::from_be_bytes(*count))
        .map(|_| {
            let (length, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                return Some(None);
            };
            let (value, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(Some(String::from_utf8_lossy(value).into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_with_its_nulls_and_a_cut_one_is_refused() {
        let body = [&[0, 3, 0, 0, 0, 2][..], b"42", &[0xff; 4], &[0, 0, 0, 0]].concat();
        assert_eq!(
            row(&body),
            Some(vec![Some("42".to_owned()), None, Some(String::new())])
        );
        assert_eq!(row(&body[..7]), None);
    }

    #[test]
    fn an_error_is_told_in_the_words_and_the_code_of_the_server() {
        let body = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0";
        assert_eq!(
            words_of_error(body),
            "the database system is starting up (57P03)"
        );
    }
}
