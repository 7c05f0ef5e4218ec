//! Which settings there are, and what an unknown one may have meant.

use std::collections::BTreeMap;

use config::{Config, File, FileFormat, Map, Source, Value, ValueKind};

use super::{ConfigError, DEFAULTS};

/// Settings whose own keys are free.
const OPEN: &[&str] = &["kafka.properties"];

/// All values by their dotted key.
pub(super) fn flatten(values: Map<String, Value>) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (key, value) in values {
        flatten_into(&mut flat, key, value);
    }
    flat
}

fn flatten_into(flat: &mut BTreeMap<String, Value>, key: String, value: Value) {
    match value.kind {
        ValueKind::Table(table) if !OPEN.contains(&key.as_str()) => {
            for (inner, value) in table {
                flatten_into(flat, format!("{key}.{inner}"), value);
            }
        }
        _ => {
            flat.insert(key, value);
        }
    }
}

/// The dotted keys of the defaults.
pub(super) fn keys() -> Vec<String> {
    let defaults = Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .build()
        .and_then(|defaults| defaults.collect())
        .expect("the defaults are valid");
    flatten(defaults).into_keys().collect()
}

/// A key that is none of the known ones is an error that names the nearest.
pub(super) fn check(key: &str, value: &Value, known: &[String]) -> Result<(), ConfigError> {
    if known.iter().any(|known| known == key) {
        return Ok(());
    }
    let nearest = known
        .iter()
        .min_by_key(|known| strsim::levenshtein(known, key));
    Err(ConfigError::Unknown {
        key: key.to_owned(),
        origin: value.origin().unwrap_or("the environment").to_owned(),
        advice: nearest.map_or_else(String::new, |nearest| format!("did you mean {nearest:?}?")),
    })
}
