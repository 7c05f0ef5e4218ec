//! Which port of 127.0.0.1 a server gets.

use std::net::{Ipv4Addr, TcpListener};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use thiserror::Error;

/// Free ports are taken from below the range (32768 and up on Linux, 49152 and up on macOS) from which systems take the
/// client's port of an outgoing connection. Inside it a client that keeps trying a killed server's port will one day be
/// given that very port, connect to itself, and keep the server from coming back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// The port a server is to listen on, on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one or none.
    Exactly(u16),
    /// This one if it is free, otherwise another.
    Prefer(u16),
    /// Any that is free.
    Free,
}

/// Why an address is no place for a local server.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortError {
    /// Not of the form `127.0.0.1:PORT`.
    #[error("`{0}` is no address of the form 127.0.0.1:PORT")]
    Malformed(String),
    /// Another machine could reach a server that trusts everybody.
    #[error(
        "`{0}` is not on this machine only: local servers trust whoever reaches them, so they listen on 127.0.0.1"
    )]
    NotLoopback(String),
}

impl FromStr for Port {
    type Err = PortError;

    /// Reads `127.0.0.1:PORT`, `localhost:PORT` or `PORT`; port 0 means any free one.
    fn from_str(text: &str) -> Result<Self, PortError> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let port: u16 = port
            .parse()
            .map_err(|_| PortError::Malformed(text.to_owned()))?;
        match host {
            "127.0.0.1" | "localhost" if port == 0 => Ok(Self::Free),
            "127.0.0.1" | "localhost" => Ok(Self::Exactly(port)),
            _ => Err(PortError::NotLoopback(text.to_owned())),
        }
    }
}

/// Whether nobody listens on `port` now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port nobody listens on and that this process has not handed out before; 0 if all are taken.
pub(crate) fn any_free() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    // Processes begin at different places, so that test binaries side by side rarely meet; a server that finds its port
    // taken after all is started again on another.
    let next = NEXT.get_or_init(|| AtomicU16::new(scattered_start()));
    (0..COUNT)
        .map(|_| FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT)
        .find(|port| is_free(*port))
        .unwrap_or(0)
}

fn scattered_start() -> u16 {
    let random = uuid::Uuid::now_v7().into_bytes();
    u16::from_be_bytes([random[14], random[15]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_on_this_machine_is_read() {
        assert_eq!("127.0.0.1:9092".parse(), Ok(Port::Exactly(9092)));
        assert_eq!("localhost:5433".parse(), Ok(Port::Exactly(5433)));
        assert_eq!("5433".parse(), Ok(Port::Exactly(5433)));
        assert_eq!("127.0.0.1:0".parse(), Ok(Port::Free));
    }

    #[test]
    fn an_address_others_can_reach_is_refused() {
        assert_eq!(
            "0.0.0.0:5433".parse::<Port>(),
            Err(PortError::NotLoopback("0.0.0.0:5433".into()))
        );
        assert_eq!(
            "localhost:".parse::<Port>(),
            Err(PortError::Malformed("localhost:".into()))
        );
    }

    #[test]
    fn a_free_port_is_handed_out_once_and_never_from_the_range_of_outgoing_connections() {
        let (first, second) = (any_free(), any_free());
        assert_ne!(first, second);
        for port in [first, second] {
            assert!((FIRST..FIRST + COUNT).contains(&port), "{port}");
        }
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        assert!(!is_free(listener.local_addr().expect("its address").port()));
    }
}
