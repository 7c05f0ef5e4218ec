//! What can be asked for by name, gathered once from the system; and what was probably meant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jangbu_runtime::ports::ViewDefinition;
use jangbu_runtime::project::definition_of;
use jangbu_runtime::system::{Kind, System};
use schemars::SchemaGenerator;

use crate::problem::*;

/// A name longer than this is quoted in part only, and nothing near is looked for.
const QUOTED: usize = 64;

/// One aggregate, as a URL names it.
pub(crate) struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Arc<dyn Kind>,
    /// Its commands; empty where the kind does not tell.
    commands: Vec<String>,
}

/// Everything that has a name.
pub(crate) struct Catalogue {
    aggregates: BTreeMap<&'static str, Named>,
    /// Aggregates that events may be of: those, and `command`.
    streams: Vec<&'static str>,
    /// Names of events; none where some aggregate does not tell.
    events: Option<BTreeSet<&'static str>>,
    views: BTreeMap<&'static str, Vec<ViewDefinition>>,
}

impl Catalogue {
    pub(crate) fn of(system: &System) -> Self {
        let mut generator = SchemaGenerator::default();
        let aggregates = system.kinds().map(|kind| {
            let commands = kind.commands(&mut generator);
            let named = Named {
                name: Arc::from(kind.name()),
                kind: Arc::clone(kind),
                commands: commands.into_iter().map(|command| command.name).collect(),
            };
            (kind.name(), named)
        });
        Self {
            aggregates: aggregates.collect(),
            streams: system.aggregates().collect(),
            events: events(system),
            views: views(system),
        }
    }

    /// An aggregate by its name.
    pub(crate) fn aggregate(&self, name: &str) -> Result<&Named, Problem> {
        self.aggregates.get(name).ok_or_else(|| {
            let known: Vec<_> = self.aggregates.keys().copied().collect();
            unknown(&UNKNOWN_AGGREGATE, "aggregate", name, &known)
        })
    }

    /// Checks the name of an aggregate whose events are looked for.
    pub(crate) fn stream(&self, name: &str) -> Result<(), Problem> {
        if self.streams.contains(&name) {
            return Ok(());
        }
        Err(unknown(
            &UNKNOWN_AGGREGATE,
            "aggregate",
            name,
            &self.streams,
        ))
    }

    /// Checks the name of an event that is looked for.
    pub(crate) fn event(&self, name: &str) -> Result<(), Problem> {
        match &self.events {
            Some(events) if !events.contains(name) => {
                let known: Vec<_> = events.iter().copied().collect();
                Err(unknown(&UNKNOWN_EVENT, "event", name, &known))
            }
            _ => Ok(()),
        }
    }

    /// All versions of a view by its name, the newest last; never empty.
    pub(crate) fn view(&self, name: &str) -> Result<&[ViewDefinition], Problem> {
        self.views.get(name).map(Vec::as_slice).ok_or_else(|| {
            let known: Vec<_> = self.views.keys().copied().collect();
            unknown(&UNKNOWN_VIEW, "view", name, &known)
        })
    }
}

impl Named {
    /// Checks the name of a command.
    pub(crate) fn command(&self, name: &str) -> Result<(), Problem> {
        if self.commands.is_empty() || self.commands.iter().any(|known| known == name) {
            return Ok(());
        }
        let known: Vec<_> = self.commands.iter().map(String::as_str).collect();
        let what = format!("command of {}", self.name);
        Err(unknown(&UNKNOWN_COMMAND, &what, name, &known))
    }
}

/// Says that there is nothing of that name, what there is, and what was probably meant.
pub(crate) fn unknown(
    kind: &'static ProblemKind,
    what: &str,
    name: &str,
    known: &[&str],
) -> Problem {
    let meant = nearest(name, known);
    let known_names = known.join(", ");
    let hint = match meant {
        Some(meant) => format!(": did you mean {meant}? Known are {known_names}"),
        None if known.is_empty() => ": there is none at all".to_owned(),
        None => format!(": known are {known_names}"),
    };
    let problem = Problem::new(kind, format!("there is no {what} {:?}{hint}", quoted(name)))
        .with("known", known.to_vec());
    match meant {
        Some(meant) => problem.with("nearest", meant),
        None => problem,
    }
}

/// Enough of a caller's text to recognise it by.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// The known name that a slip of the finger turns into this one.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > QUOTED {
        return None;
    }
    known
        .iter()
        .map(|known| (strsim::osa_distance(name, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min()
        .map(|(_, known)| known)
}

fn events(system: &System) -> Option<BTreeSet<&'static str>> {
    use event_schemas::{CommandEvent, EventList};
    let mut names = BTreeSet::new();
    for kind in system.kinds() {
        if kind.events().is_empty() {
            return None;
        }
        names.extend(kind.events().iter().map(|event| event.name));
    }
    names.extend(CommandEvent::EVENTS.iter().map(|event| event.name));
    Some(names)
}

fn views(system: &System) -> BTreeMap<&'static str, Vec<ViewDefinition>> {
    let mut views: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for view in system.views() {
        views
            .entry(view.name())
            .or_default()
            .push(definition_of(&**view));
    }
    for versions in views.values_mut() {
        versions.sort_by_key(|view| view.version);
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_nonsense_is_not() {
        let known = ["order_status", "stock_levels"];
        assert_eq!(nearest("stock_level", &known), Some("stock_levels"));
        assert_eq!(nearest("ordre_status", &known), Some("order_status"));
        assert_eq!(nearest("customers", &known), None);
    }
}
