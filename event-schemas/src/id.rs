//! Who and what is spoken of: typed ids, each checked where it is made.

use std::fmt::{self, Display};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::from_text;

/// The text is no UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: use a UUID, like 0198c5a0-7b1c-7cc4-9d5c-2f1f3a0f4a11")]
pub struct UuidError {
    what: &'static str,
    text: String,
}

/// An id that is a UUID, of its own type so that no two kinds are mixed up.
macro_rules! uuid_id {
    ($(#[$meta:meta])* $id:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(transparent)]
        pub struct $id(Uuid);

        impl $id {
            /// The id as it was chosen.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $id {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $id {
            type Err = UuidError;

            fn from_str(text: &str) -> Result<Self, UuidError> {
                Uuid::try_parse(text).map(Self).map_err(|_| UuidError {
                    what: $what,
                    // Enough to recognise it by; a body may hold far more than a UUID.
                    text: text.chars().take(64).collect(),
                })
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                from_text(deserializer, concat!("an ", $what, ", which is a UUID"))
            }
        }
    };
}

uuid_id! {
    /// An order, and with it its payment and its delivery. Chosen by the caller; version 7 is advised.
    OrderId, "order id"
}

uuid_id! {
    /// A customer. Chosen by the caller; version 7 is advised.
    CustomerId, "id of a customer"
}

uuid_id! {
    /// A command. It is carried out at most once, for ever.
    CommandId, "id of a command"
}

/// Stock keeping unit: what the shop calls one kind of goods.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Sku(String);

/// The text is no SKU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkuError {
    /// Nothing, or too much.
    #[error("a SKU has 1 to {max} characters, this has {0}", max = Sku::MAX_LENGTH)]
    Length(usize),
    /// A character that URLs, topics and people would read in different ways.
    #[error("a SKU is written with A-Z a-z 0-9 . _ - only, this has {0:?}")]
    Character(char),
}

impl Sku {
    /// Long enough for any shop, short enough for keys and labels.
    pub const MAX_LENGTH: usize = 64;

    /// Checks a SKU.
    ///
    /// # Errors
    /// [`SkuError`] says what is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, SkuError> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(character) = text.chars().find(|c| !allowed(*c)) {
            return Err(SkuError::Character(character));
        }
        if !(1..=Self::MAX_LENGTH).contains(&text.len()) {
            return Err(SkuError::Length(text.len()));
        }
        Ok(Self(text))
    }

    /// The SKU as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Sku {
    type Err = SkuError;

    fn from_str(text: &str) -> Result<Self, SkuError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a SKU")
    }
}

impl JsonSchema for Sku {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sku".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Stock keeping unit: what the shop calls one kind of goods.",
            "type": "string",
            "minLength": 1,
            "maxLength": Self::MAX_LENGTH,
            "pattern": "^[A-Za-z0-9._-]+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_in_any_case_and_written_in_one() {
        let upper = "0198C5A0-7B1C-7CC4-9D5C-2F1F3A0F4A11";
        let id: OrderId = upper.parse().unwrap();
        assert_eq!(id.to_string(), upper.to_lowercase());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(
            serde_json::from_str::<OrderId>(&format!("\"{id}\"")).unwrap(),
            id
        );
    }

    #[test]
    fn what_is_no_uuid_is_told_what_one_looks_like() {
        let refused = serde_json::from_str::<CustomerId>("\"anne\"").unwrap_err();
        assert!(
            refused.to_string().contains("use a UUID, like"),
            "{refused}"
        );
        let refused = serde_json::from_str::<OrderId>("7").unwrap_err();
        assert!(
            refused.to_string().contains("expected an order id"),
            "{refused}"
        );
    }

    #[test]
    fn a_sku_is_checked_wherever_it_is_made() {
        assert_eq!(
            Sku::new("tea.green_50-g").unwrap().as_str(),
            "tea.green_50-g"
        );
        assert_eq!(Sku::new(""), Err(SkuError::Length(0)));
        assert_eq!(Sku::new("x".repeat(65)), Err(SkuError::Length(65)));
        assert!(Sku::new("x".repeat(64)).is_ok());
        assert_eq!(Sku::new("a/b"), Err(SkuError::Character('/')));
        assert!(serde_json::from_str::<Sku>(r#""a b""#).is_err());
        assert!(serde_json::from_str::<Sku>(r#""녹차""#).is_err());
    }
}
