//! How many: a whole number, at least one.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// The first whole number that not every reader of JSON can hold exactly; everything on the wire stays below.
pub const INTEGER_LIMIT: u64 = 1 << 53;

/// How many pieces. Never zero: nothing is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Quantity(u64);

/// The number is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no quantity: give a whole number from 1 to {max}", max = INTEGER_LIMIT - 1)]
pub struct QuantityError(pub u64);

impl Quantity {
    /// One piece.
    pub const ONE: Self = Self(1);

    /// Checks a quantity.
    ///
    /// # Errors
    /// Zero, and 2^53 or more.
    pub const fn new(pieces: u64) -> Result<Self, QuantityError> {
        if pieces == 0 || pieces >= INTEGER_LIMIT {
            return Err(QuantityError(pieces));
        }
        Ok(Self(pieces))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Quantity {
    type Error = QuantityError;

    fn try_from(pieces: u64) -> Result<Self, QuantityError> {
        Self::new(pieces)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pieces;

        impl Visitor<'_> for Pieces {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "a quantity, a whole number from 1 to {}",
                    INTEGER_LIMIT - 1
                )
            }

            fn visit_u64<E: de::Error>(self, pieces: u64) -> Result<Quantity, E> {
                Quantity::new(pieces)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(pieces), &self))
            }

            fn visit_i64<E: de::Error>(self, pieces: i64) -> Result<Quantity, E> {
                match u64::try_from(pieces) {
                    Ok(pieces) => self.visit_u64(pieces),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(pieces), &self)),
                }
            }
        }

        deserializer.deserialize_u64(Pieces)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How many pieces, at least one.",
            "type": "integer",
            "minimum": 1,
            "maximum": INTEGER_LIMIT - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_at_least_one_and_below_two_to_the_53rd() {
        assert_eq!(Quantity::new(0), Err(QuantityError(0)));
        assert_eq!(
            Quantity::new(INTEGER_LIMIT),
            Err(QuantityError(INTEGER_LIMIT))
        );
        assert_eq!(
            Quantity::new(INTEGER_LIMIT - 1).unwrap().get(),
            INTEGER_LIMIT - 1
        );
    }

    #[test]
    fn whatever_else_stands_there_is_told_what_is_allowed() {
        for wrong in [
            "0",
            "-3",
            "9007199254740992",
            "1e400",
            "1.5",
            "\"3\"",
            "null",
            "1e3",
        ] {
            let refused = serde_json::from_str::<Quantity>(wrong)
                .unwrap_err()
                .to_string();
            assert!(
                refused.contains("from 1 to 9007199254740991") || refused.contains("out of range"),
                "{wrong}: {refused}"
            );
        }
    }
}
