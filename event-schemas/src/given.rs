//! What a caller gives is read closed: an unknown field in a command is a mistake to be told about, where in an event
//! it is a newer writer's. A command names these with `#[serde(deserialize_with = "…")]` and `#[schemars(with = "…")]`.

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer};

use crate::address::{Address, AddressLine, Country};
use crate::{Currency, Money, Personal};

/// Money as a caller gives it.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenMoney {
    amount: crate::money::Amount,
    currency: Currency,
}

/// An address as a caller gives it: always open, never sealed.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-personal" = true))]
pub struct GivenAddress {
    /// Who opens the door.
    recipient: AddressLine,
    /// Street, house, flat.
    street: AddressLine,
    /// Town.
    city: AddressLine,
    /// As the country writes it.
    postcode: AddressLine,
    /// ISO 3166 alpha-2: `KR`.
    country: Country,
}

impl From<GivenAddress> for Personal<Address> {
    fn from(given: GivenAddress) -> Self {
        Self::Open(Address {
            recipient: given.recipient,
            street: given.street,
            city: given.city,
            postcode: given.postcode,
            country: given.country,
        })
    }
}

/// Reads money that a caller gives.
///
/// # Errors
/// An unknown or missing field, a wrong amount or currency.
pub fn money<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    GivenMoney::deserialize(deserializer).map(|given| Money::of(given.amount, given.currency))
}

/// Reads an address that a caller gives.
///
/// # Errors
/// An unknown, missing or malformed field.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Personal<Address>, D::Error> {
    GivenAddress::deserialize(deserializer).map(Personal::from)
}

/// Reads an address that a caller may give.
///
/// # Errors
/// An unknown, missing or malformed field.
pub fn address_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Personal<Address>>, D::Error> {
    Option::<GivenAddress>::deserialize(deserializer).map(|given| given.map(Personal::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = r#""recipient":"Anne","street":"1 Jongno","city":"Seoul","postcode":"03154","country":"KR""#;

    fn read_address(json: &str) -> Result<Personal<Address>, serde_json::Error> {
        address(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn an_unknown_field_is_named() {
        let refused = read_address(&format!("{{{HOME},\"floor\":3}}"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("unknown field `floor`"), "{refused}");

        let json = r#"{"amount":1,"currency":"KRW","tax":1}"#;
        let refused = money(&mut serde_json::Deserializer::from_str(json)).unwrap_err();
        assert!(
            refused.to_string().contains("unknown field `tax`"),
            "{refused}"
        );
    }

    #[test]
    fn a_caller_cannot_give_a_sealed_address() {
        assert!(read_address(r#"{"sealed":"x"}"#).is_err());
        assert!(
            read_address(&format!("{{{HOME}}}"))
                .unwrap()
                .open()
                .is_some()
        );
    }

    #[test]
    fn an_event_with_a_newer_field_is_read_all_the_same() {
        let json = format!("{{{HOME},\"floor\":3}}");
        assert!(serde_json::from_str::<Personal<Address>>(&json).is_ok());
    }
}
