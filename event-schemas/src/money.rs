//! Money: integer minor units of one currency, and arithmetic that says so when it cannot.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use crate::quantity::{INTEGER_LIMIT, Quantity};
use crate::text::from_text;

/// The greatest amount, of either sign.
const LIMIT: i64 = INTEGER_LIMIT as i64 - 1;

/// An amount in minor units (won, cents) and its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    amount: Amount,
    currency: Currency,
}

/// The amount is 2^53 or more, of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no amount of money: stay between -{LIMIT} and {LIMIT}")]
pub struct MoneyError(pub i64);

impl Money {
    /// So much of a currency.
    ///
    /// # Errors
    /// Beyond 2^53, of either sign.
    pub const fn new(amount: i64, currency: Currency) -> Result<Self, MoneyError> {
        match Amount::new(amount) {
            Some(amount) => Ok(Self { amount, currency }),
            None => Err(MoneyError(amount)),
        }
    }

    pub(crate) const fn of(amount: Amount, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self {
            amount: Amount(0),
            currency,
        }
    }

    /// Minor units.
    #[must_use]
    pub const fn amount(self) -> i64 {
        self.amount.0
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Both together; none when the currencies differ or the sum is beyond 2^53.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        let amount = Amount::new(self.amount().checked_add(other.amount())?)?;
        Some(Self { amount, ..self })
    }

    /// So many times; none when the product is beyond 2^53.
    #[must_use]
    pub fn checked_mul(self, times: Quantity) -> Option<Self> {
        let times = i64::try_from(times.get()).ok()?;
        let amount = Amount::new(self.amount().checked_mul(times)?)?;
        Some(Self { amount, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// Minor units, checked where they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Amount(i64);

impl Amount {
    const fn new(amount: i64) -> Option<Self> {
        if amount < -LIMIT || amount > LIMIT {
            return None;
        }
        Some(Self(amount))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MinorUnits;

        impl Visitor<'_> for MinorUnits {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "whole minor units between -{LIMIT} and {LIMIT}")
            }

            fn visit_i64<E: de::Error>(self, amount: i64) -> Result<Amount, E> {
                Amount::new(amount)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(amount), &self))
            }

            fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Amount, E> {
                match i64::try_from(amount) {
                    Ok(amount) => self.visit_i64(amount),
                    Err(_) => Err(E::invalid_value(Unexpected::Unsigned(amount), &self)),
                }
            }
        }

        deserializer.deserialize_i64(MinorUnits)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Minor units: won, cents.",
            "type": "integer",
            "minimum": -LIMIT,
            "maximum": LIMIT,
        })
    }
}

/// A currency by its ISO 4217 code. The shape is checked, not the list: lists grow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// The text is no currency code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no currency: write the ISO 4217 code, three upper-case letters like KRW")]
pub struct CurrencyError(String);

impl Currency {
    /// Korean won, which has no minor unit.
    pub const KRW: Self = Self(*b"KRW");

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made of ASCII letters only")
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(CurrencyError(text.chars().take(16).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a currency code like KRW")
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "ISO 4217 code.",
            "type": "string",
            "pattern": "^[A-Z]{3}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(amount: i64) -> Money {
        Money::new(amount, Currency::KRW).unwrap()
    }

    #[test]
    fn arithmetic_never_leaves_the_range_of_the_wire() {
        assert_eq!(won(700).checked_add(won(300)), Some(won(1_000)));
        assert_eq!(won(LIMIT).checked_add(won(1)), None);
        assert_eq!(won(-LIMIT).checked_add(won(-1)), None);
        assert_eq!(
            won(3).checked_mul(Quantity::new(999).unwrap()),
            Some(won(2_997))
        );
        assert_eq!(
            won(LIMIT).checked_mul(Quantity::new(INTEGER_LIMIT - 1).unwrap()),
            None
        );
        assert_eq!(
            Money::new(LIMIT + 1, Currency::KRW),
            Err(MoneyError(LIMIT + 1))
        );
    }

    #[test]
    fn two_currencies_have_no_sum() {
        let euro = Money::new(1, "EUR".parse().unwrap()).unwrap();
        assert_eq!(won(1).checked_add(euro), None);
    }

    #[test]
    fn on_the_wire_it_is_an_amount_and_a_currency() {
        let wire = r#"{"amount":1000,"currency":"KRW"}"#;
        assert_eq!(serde_json::to_string(&won(1_000)).unwrap(), wire);
        assert_eq!(serde_json::from_str::<Money>(wire).unwrap(), won(1_000));
        for (wrong, told) in [
            (r#"{"amount":1.5,"currency":"KRW"}"#, "whole minor units"),
            (
                r#"{"amount":9007199254740992,"currency":"KRW"}"#,
                "whole minor units between",
            ),
            (
                r#"{"amount":1,"currency":"krw"}"#,
                "three upper-case letters",
            ),
            (r#"{"amount":1}"#, "missing field `currency`"),
        ] {
            let refused = serde_json::from_str::<Money>(wrong)
                .unwrap_err()
                .to_string();
            assert!(refused.contains(told), "{wrong}: {refused}");
        }
    }
}
