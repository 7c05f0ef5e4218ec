//! From a query string to what of the ledger is wanted.

use std::str::FromStr;

use event_schemas::INTEGER_LIMIT;
use jangbu_runtime::ports::EventFilter;

use crate::catalogue::{Catalogue, unknown};
use crate::problem::*;
use crate::query::{limit, parameters, wrong};

/// Events of a page, unless the caller says so.
const LIMIT: usize = 100;
/// Names of events in one filter.
const MOST_NAMES: usize = 100;

const KNOWN: [&str; 10] = [
    "from",
    "until",
    "limit",
    "follow",
    "aggregate",
    "aggregate_id",
    "type",
    "actor",
    "correlation_id",
    "command_id",
];

/// What of the ledger is wanted.
#[derive(Debug, Default)]
pub(super) struct EventsQuery {
    pub(super) filter: EventFilter,
    /// Exclusive.
    pub(super) from: Option<u64>,
    pub(super) limit: Option<usize>,
    pub(super) follow: bool,
}

impl EventsQuery {
    /// Events of a page.
    pub(super) fn page_limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT)
    }
}

/// Reads a query.
pub(super) fn read(catalogue: &Catalogue, text: &str) -> Result<EventsQuery, Problem> {
    let mut query = EventsQuery::default();
    for (name, value) in parameters(text)? {
        match &*name {
            "from" => query.from = Some(position(&name, &value)?),
            "until" => query.filter.until = Some(position(&name, &value)?),
            "limit" => query.limit = Some(limit(&value)?),
            "follow" => query.follow = parsed(&name, &value, "is true or false")?,
            "aggregate" => {
                catalogue.stream(&value)?;
                query.filter.aggregate = Some(value);
            }
            "aggregate_id" => query.filter.aggregate_id = Some(value),
            "type" => query.filter.names = names(catalogue, &value)?,
            "actor" => query.filter.actor = Some(value),
            "correlation_id" => query.filter.correlation_id = Some(value),
            "command_id" => query.filter.command_id = Some(parsed(&name, &value, "is a UUID")?),
            _ => return Err(unknown(&UNKNOWN_PARAMETER, "parameter", &name, &KNOWN)),
        }
    }
    Ok(query)
}

fn parsed<T: FromStr>(name: &str, value: &str, shape: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| wrong(name, shape))
}

/// A position, or none of the numbers that could be one.
pub(super) fn position(name: &str, value: &str) -> Result<u64, Problem> {
    match value.parse() {
        Ok(position) if position < INTEGER_LIMIT => Ok(position),
        _ => Err(wrong(name, "is a position, a whole number from 0")),
    }
}

fn names(catalogue: &Catalogue, value: &str) -> Result<Vec<String>, Problem> {
    let names: Vec<_> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    if names.len() > MOST_NAMES {
        return Err(wrong(
            "type",
            &format!("names at most {MOST_NAMES} kinds of events"),
        ));
    }
    for name in &names {
        catalogue.event(name)?;
    }
    Ok(names)
}
