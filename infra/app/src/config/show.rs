//! The effective configuration with the origin of each value, and secrets masked.

use std::collections::BTreeMap;

use config::{Value, ValueKind};
use serde::Serialize;

use super::Flags;

/// How values given by flags are marked on their way through the layers.
pub(super) const FLAG: &str = "a flag";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A file, by its path.
    File(String),
    /// A variable.
    Environment,
    /// The command line.
    Flag,
}

/// One setting, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The dotted key.
    pub key: String,
    /// The value; secrets masked.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Every setting with its origin.
#[must_use]
pub fn show(values: &BTreeMap<String, Value>, flags: &Flags) -> Vec<Shown> {
    values
        .iter()
        .map(|(key, value)| Shown {
            key: key.clone(),
            value: masked(key, value),
            origin: origin(key, value, flags),
        })
        .collect()
}

fn origin(key: &str, value: &Value, flags: &Flags) -> Origin {
    if flags.iter().any(|(flag, _)| *flag == key) {
        return Origin::Flag;
    }
    match value.origin() {
        Some("the environment") => Origin::Environment,
        Some(file) => Origin::File(file.to_owned()),
        None => Origin::Default,
    }
}

/// A URL shows everything but its password; of further properties only the names of the harmless are told.
fn masked(key: &str, value: &Value) -> String {
    match &value.kind {
        ValueKind::Table(table) => {
            let mut entries: Vec<_> = table
                .iter()
                .map(|(name, value)| {
                    let secret = ["password", "secret", "key", "token", "jaas"]
                        .iter()
                        .any(|word| name.contains(word));
                    format!(
                        "{name}={}",
                        if secret {
                            "***".to_owned()
                        } else {
                            value.to_string()
                        }
                    )
                })
                .collect();
            entries.sort();
            entries.join(" ")
        }
        _ if key.ends_with("url") => without_password(&value.to_string()),
        _ => value.to_string(),
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = user
        .split_once(':')
        .map_or_else(|| user.to_owned(), |(name, _)| format!("{name}:***"));
    format!("{scheme}://{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_url_is_shown_without_its_password() {
        assert_eq!(
            without_password("postgres://anne:secret@db/mall"),
            "postgres://anne:***@db/mall"
        );
        assert_eq!(
            without_password("postgres://anne:a@b@db/mall"),
            "postgres://anne:***@db/mall"
        );
        assert_eq!(without_password("postgres://db/mall"), "postgres://db/mall");
    }
}
