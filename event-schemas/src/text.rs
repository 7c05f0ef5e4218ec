//! Texts that are checked where they are made: by hand, from a URL, or out of JSON.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// Free text of `MIN` to `MAX` characters, none of them a control character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A remark in somebody's own words; may be empty.
pub type Note = Text<0, 500>;

/// The text is too short, too long, or holds what no form field holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Characters, not bytes, are counted.
    #[error("text has {length} characters: write {min} to {max}")]
    Length {
        /// How many it has.
        length: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// A line break, U+0000 or the like.
    #[error("text contains the control character {0:?}: leave it out")]
    ControlCharacter(char),
}

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Checks a text.
    ///
    /// # Errors
    /// [`TextError`] says what is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        let length = text.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(TextError::Length {
                length,
                min: MIN,
                max: MAX,
            });
        }
        match text.chars().find(|character| character.is_control()) {
            Some(character) => Err(TextError::ControlCharacter(character)),
            None => Ok(Self(text)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Text<MIN, MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a text")
    }
}

impl<const MIN: usize, const MAX: usize> JsonSchema for Text<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Text{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": MIN,
            "maxLength": MAX,
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
        })
    }
}

/// Reads whatever is made from text, without copying the text first; `expected` is what a wrong type is told.
pub(crate) fn from_text<'de, T, D>(deserializer: D, expected: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    struct FromText<T> {
        expected: &'static str,
        made: PhantomData<T>,
    }

    impl<T: FromStr<Err: Display>> Visitor<'_> for FromText<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expected)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(FromText {
        expected,
        made: PhantomData,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Text::<1, 3>::new("서울시").is_ok());
        assert_eq!(
            Text::<1, 3>::new("Seoul"),
            Err(TextError::Length {
                length: 5,
                min: 1,
                max: 3
            })
        );
        assert!(Text::<1, 3>::new("").is_err());
        assert!(Text::<0, 3>::new("").is_ok());
    }

    #[test]
    fn control_characters_are_refused_out_of_json_too() {
        let refused = serde_json::from_str::<Note>(r#""a\u0000b""#).unwrap_err();
        assert!(
            refused.to_string().contains("control character"),
            "{refused}"
        );
    }
}
