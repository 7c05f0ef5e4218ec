//! Where it is safe to listen: until callers are authenticated, only where nobody but this machine reaches.

use std::net::SocketAddr;

/// Listening there would let anybody act as anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and callers are not authenticated yet: anybody could act as anybody; \
     listen on 127.0.0.1, or say --listen-without-authentication if something in front keeps strangers out"
)]
pub struct UnsafeAddress(pub SocketAddr);

/// Refuses to listen where others reach, unless the danger was named.
///
/// # Errors
/// The address is no loopback address, and `without_authentication` is not set.
pub fn check_listen_address(
    address: SocketAddr,
    without_authentication: bool,
) -> Result<(), UnsafeAddress> {
    if address.ip().to_canonical().is_loopback() || without_authentication {
        return Ok(());
    }
    Err(UnsafeAddress(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_safe_unless_the_danger_is_named() {
        for (address, safe) in [
            ("127.0.0.1:8080", true),
            ("127.8.8.8:0", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:8080", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("192.168.1.7:8080", false),
            ("[::ffff:10.0.0.1]:8080", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(
                check_listen_address(address, false).is_ok(),
                safe,
                "{address}"
            );
            assert!(check_listen_address(address, true).is_ok());
        }
    }
}
