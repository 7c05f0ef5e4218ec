//! Where an event comes from: `/jangbu/<store>/<incarnation>`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A store and its incarnation, as `ce_source` says it. A store gets a new incarnation whenever its history forks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The store's name: `mall`.
    pub store: String,
    /// Made by `migrate`, and anew whenever history forks by a restore.
    pub incarnation: Uuid,
}

/// A text that is no source of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source of ours reads /jangbu/<store>/<incarnation>")]
pub struct NotASource;

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/jangbu/{}/{}", self.store, self.incarnation)
    }
}

impl FromStr for Source {
    type Err = NotASource;

    fn from_str(text: &str) -> Result<Self, NotASource> {
        let (store, incarnation) = text
            .strip_prefix("/jangbu/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(NotASource)?;
        if store.is_empty() {
            return Err(NotASource);
        }
        Ok(Self {
            store: store.to_owned(),
            incarnation: incarnation.parse().map_err(|_| NotASource)?,
        })
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_as_it_is_written() {
        let source = Source {
            store: "mall".into(),
            incarnation: Uuid::from_u128(7),
        };
        let text = "/jangbu/mall/00000000-0000-0000-0000-000000000007";
        assert_eq!(source.to_string(), text);
        assert_eq!(text.parse(), Ok(source));
    }

    #[test]
    fn nothing_else_is_a_source() {
        let id = Uuid::nil();
        for wrong in ["", "/jangbu/mall", "/jangbu/mall/7", "/other/mall/", "mall"] {
            assert_eq!(wrong.parse::<Source>(), Err(NotASource), "{wrong:?}");
        }
        assert_eq!(format!("/jangbu//{id}").parse::<Source>(), Err(NotASource));
        assert_eq!(
            format!("/jangbu/a/b/{id}").parse::<Source>(),
            Err(NotASource)
        );
    }
}
