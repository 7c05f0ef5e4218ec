//! Schemas of what comes in and of what goes out, in one set of names.
//!
//! The two differ: what may be left out of a body is always there in an answer. Where one name stands for two shapes,
//! the one that goes out is called `Shown…`.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

const PREFIX: &str = "#/components/schemas/";

pub(super) struct Schemas {
    /// For bodies.
    pub(super) taken: SchemaGenerator,
    /// For answers.
    pub(super) shown: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path =
                    PREFIX.trim_start_matches('#').trim_end_matches('/').into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            shown: settings().for_serialize().into_generator(),
        }
    }

    /// All named schemas. To be called once the paths are described; [`Schemas::rename`] settles what they refer to.
    pub(super) fn into_components(mut self, fixed: Map<String, Value>) -> Value {
        let taken = self.taken.take_definitions(true);
        let shown = self.shown.take_definitions(true);
        let clashing = clashes(&taken, &shown);
        for name in fixed.keys() {
            let taken = taken.contains_key(name) || shown.contains_key(name);
            assert!(
                !taken,
                "the name {name} is taken by HTTP itself: call the type otherwise"
            );
        }
        let mut components = fixed;
        components.extend(taken);
        for (name, mut schema) in shown {
            rename(&mut schema, &clashing);
            let name = clashing.get(&name).cloned().unwrap_or(name);
            components.insert(name, schema);
        }
        Value::Object(components)
    }

    /// Makes a schema that goes out refer to the names it will find.
    pub(super) fn rename(&mut self, schema: &mut Value) {
        let clashing = clashes(self.taken.definitions(), self.shown.definitions());
        rename(schema, &clashing);
    }
}

/// Names that stand for two shapes, with what the shown one is called.
fn clashes(taken: &Map<String, Value>, shown: &Map<String, Value>) -> BTreeMap<String, String> {
    // A schema that refers to one that clashes clashes, too: look until nothing is added.
    let mut clashing = BTreeMap::new();
    loop {
        let before = clashing.len();
        for (name, schema) in shown {
            let mut renamed = schema.clone();
            rename(&mut renamed, &clashing);
            if taken.get(name).is_some_and(|taken| *taken != renamed) {
                clashing.insert(name.clone(), format!("Shown{name}"));
            }
        }
        if clashing.len() == before {
            return clashing;
        }
    }
}

fn rename(schema: &mut Value, names: &BTreeMap<String, String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some(name) = reference
                    .strip_prefix(PREFIX)
                    .and_then(|name| names.get(name))
            {
                *reference = format!("{PREFIX}{name}");
            }
            fields.values_mut().for_each(|value| rename(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}
