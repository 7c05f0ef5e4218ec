//! What belongs to a person and must be forgettable: open, sealed, or forgotten.
//!
//! Only its place on the wire is settled here. Whoever seals and opens stands in infra; a domain carries it along and
//! never looks inside.

use std::cell::Cell;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

mod read;

/// Something about a person. Printed for debugging, it shows only which of the three it is.
///
/// `T` must not itself be an object whose first field is `sealed` or `forgotten`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Personal<T> {
    /// As it was given; on the wire it is `T` itself.
    Open(T),
    /// Under the person's own key; on the wire `{"sealed": "…"}`.
    Sealed(String),
    /// The key is destroyed; on the wire `{"forgotten": true}`.
    Forgotten,
}

impl<T> Personal<T> {
    /// The content, where it can be read.
    pub fn open(&self) -> Option<&T> {
        match self {
            Self::Open(content) => Some(content),
            Self::Sealed(_) | Self::Forgotten => None,
        }
    }
}

impl<T> From<T> for Personal<T> {
    fn from(content: T) -> Self {
        Self::Open(content)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open(_) => "Personal(open)",
            Self::Sealed(_) => "Personal(sealed)",
            Self::Forgotten => "Personal(forgotten)",
        })
    }
}

thread_local! {
    static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

/// Serialises with everything personal left out: inside, on this thread, each [`Personal`] is written as `null`.
///
/// A digest of a command is made so: it must not tell who, nor change when a content is sealed or forgotten.
pub fn without<R>(serialise: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            LEFT_OUT.set(self.0);
        }
    }
    // Restored on the way out of a panic too, or the thread's next event would be stored without its address.
    let _restore = Restore(LEFT_OUT.replace(true));
    serialise()
}

#[derive(Serialize)]
struct SealedForm<'a> {
    sealed: &'a str,
}

#[derive(Serialize)]
struct ForgottenForm {
    forgotten: bool,
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if LEFT_OUT.get() {
            return serializer.serialize_unit();
        }
        match self {
            Self::Open(content) => content.serialize(serializer),
            Self::Sealed(sealed) => SealedForm { sealed }.serialize(serializer),
            Self::Forgotten => ForgottenForm { forgotten: true }.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Personal<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Personal{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Personal: as it was given, or sealed under the person's key, or forgotten.",
            "x-personal": true,
            "anyOf": [
                generator.subschema_for::<T>(),
                { "type": "object", "properties": { "sealed": { "type": "string" } }, "required": ["sealed"] },
                { "type": "object", "properties": { "forgotten": { "const": true } }, "required": ["forgotten"] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Home {
        city: String,
        floor: u32,
    }

    fn read(json: &str) -> Result<Personal<Home>, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn each_form_comes_back_as_it_went() {
        let home = Home {
            city: "Seoul".into(),
            floor: 3,
        };
        for (form, wire) in [
            (Personal::Open(home), r#"{"city":"Seoul","floor":3}"#),
            (Personal::Sealed("b64".into()), r#"{"sealed":"b64"}"#),
            (Personal::Forgotten, r#"{"forgotten":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&form).unwrap(), wire);
            assert_eq!(read(wire).unwrap(), form);
        }
    }

    #[test]
    fn a_plain_text_can_be_personal() {
        for (form, wire) in [
            (Personal::Open("Anne".to_owned()), r#""Anne""#),
            (Personal::Sealed("b64".into()), r#"{"sealed":"b64"}"#),
            (Personal::Forgotten, r#"{"forgotten":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&form).unwrap(), wire);
            assert_eq!(
                serde_json::from_str::<Personal<String>>(wire).unwrap(),
                form
            );
        }
    }

    #[test]
    fn a_wrong_content_is_told_in_its_own_words() {
        for (wrong, told) in [
            (r#"{"city":"Seoul"}"#, "missing field `floor`"),
            (r#"{"city":"Seoul","floor":"three"}"#, "expected u32"),
            (r#"{}"#, "missing field `city`"),
            (r#"7"#, "expected struct Home"),
            (r#"{"sealed":7}"#, "expected a string"),
            (r#"{"forgotten":false}"#, "forgotten is true or absent"),
        ] {
            let refused = read(wrong).unwrap_err().to_string();
            assert!(refused.contains(told), "{wrong}: {refused}");
        }
    }

    #[test]
    fn debugging_shows_nothing_of_the_content() {
        let seen = format!(
            "{:?} {:?}",
            Personal::Open("Anne"),
            Personal::<&str>::Sealed("key".into())
        );
        assert_eq!(seen, "Personal(open) Personal(sealed)");
    }

    #[test]
    fn left_out_it_is_null_and_only_inside() {
        let name = Personal::Open("Anne");
        assert_eq!(without(|| serde_json::to_string(&name).unwrap()), "null");
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""Anne""#);

        let _ = std::panic::catch_unwind(|| without(|| panic!("while serialising")));
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""Anne""#);
    }
}
