//! A problem in the shape of RFC 9457, as far as the chassis needs one: a type, words that say what to do, and fields.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why something was refused, in words and in fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable, snake case: `already_shipped`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What to do about it.
    pub detail: String,
    /// What else is known, by name.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Problem {
    /// A problem without fields.
    pub fn new(kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            detail: detail.into(),
            fields: Map::new(),
        }
    }

    /// And this field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// From a rejection, which serialises as `{"type": …, …fields}` and says in words what to do.
    pub fn from_rejection<R: std::error::Error + Serialize>(rejection: &R) -> Self {
        let mut fields = match serde_json::to_value(rejection) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let kind = match fields.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => "rejected".to_owned(),
        };
        Self {
            kind,
            detail: rejection.to_string(),
            fields,
        }
    }
}
