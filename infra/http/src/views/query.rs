//! From a query string to a query: bounds on declared columns, an order, a place to go on from, a limit.

use chrono::{DateTime, Utc};
use jangbu_runtime::ports::{Bound, Order, Query, Sort, ViewDefinition};
use kernel::{ColumnKind, ColumnValue};

use super::cursor;
use crate::catalogue::unknown;
use crate::problem::*;
use crate::query::{limit, parameters, wrong};

/// Rows of a page, unless the caller says so.
const LIMIT: usize = 50;
/// Parameters that are no columns.
const OWN: [&str; 3] = ["sort", "after", "limit"];

/// Reads a query.
pub(super) fn read(view: &ViewDefinition, text: &str) -> Result<Query, Problem> {
    let mut query = Query {
        limit: LIMIT,
        ..Query::default()
    };
    let mut after = None;
    for (name, value) in parameters(text)? {
        match &*name {
            "sort" => query.sort = sort(view, &value)?,
            "limit" => query.limit = limit(&value)?,
            "after" => after = Some(value),
            _ => query.bounds.push(bound(view, &name, &value)?),
        }
    }
    // Whether a place fits is known once the order is, wherever that stands.
    if let Some(word) = after {
        let kind = query.sort.column.and_then(|column| kind_of(view, column));
        query.after = Some(cursor::read(&word, &query.sort, kind)?);
    }
    Ok(query)
}

/// `available` or `-available`; `key` is what pages are sorted by anyway.
fn sort(view: &ViewDefinition, value: &str) -> Result<Sort, Problem> {
    let (order, name) = match value.strip_prefix('-') {
        Some(name) => (Order::Descending, name),
        None => (Order::Ascending, value),
    };
    let column = match name {
        "key" => None,
        name => Some(column(view, name)?.0),
    };
    Ok(Sort { column, order })
}

/// `column=`, `column.gte=` or `column.lt=`.
fn bound(view: &ViewDefinition, name: &str, value: &str) -> Result<(&'static str, Bound), Problem> {
    let (base, relation) = match name.rsplit_once('.') {
        Some((base, relation)) => (base, relation),
        None => (name, ""),
    };
    let (column, kind) = column(view, base)?;
    let value = column_value(name, kind, value)?;
    let bound = match relation {
        "" => Bound::Equal(value),
        "gte" => Bound::AtLeast(value),
        "lt" => Bound::LessThan(value),
        _ => {
            return Err(unknown(
                &UNKNOWN_COLUMN,
                "way to compare a column",
                relation,
                &["gte", "lt"],
            ));
        }
    };
    Ok((column, bound))
}

fn column(view: &ViewDefinition, name: &str) -> Result<(&'static str, ColumnKind), Problem> {
    let found = view.columns.iter().find(|(known, _)| *known == name);
    found.copied().ok_or_else(|| {
        let known: Vec<_> = view.columns.iter().map(|(name, _)| *name).collect();
        let what = format!("column of {}", view.name);
        unknown(&UNKNOWN_COLUMN, &what, name, &known).with("parameters", OWN.to_vec())
    })
}

fn kind_of(view: &ViewDefinition, column: &str) -> Option<ColumnKind> {
    let found = view.columns.iter().find(|(known, _)| *known == column);
    found.map(|(_, kind)| *kind)
}

fn column_value(name: &str, kind: ColumnKind, value: &str) -> Result<ColumnValue, Problem> {
    let read = match kind {
        ColumnKind::Text => Some(ColumnValue::Text(value.to_owned())),
        ColumnKind::Integer => value.parse().ok().map(ColumnValue::Integer),
        ColumnKind::Boolean => value.parse().ok().map(ColumnValue::Boolean),
        ColumnKind::Time => read_time(value).map(ColumnValue::Time),
    };
    let shape = match kind {
        ColumnKind::Text => "is a text",
        ColumnKind::Integer => "is a whole number",
        ColumnKind::Boolean => "is true or false",
        ColumnKind::Time => "is a time like 2026-11-21T10:00:00Z (write + as %2B)",
    };
    read.ok_or_else(|| wrong(name, shape))
}

pub(super) fn read_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> ViewDefinition {
        ViewDefinition {
            name: "stock_levels",
            version: 1,
            columns: vec![
                ("available", ColumnKind::Integer),
                ("place", ColumnKind::Text),
            ],
            shadow: false,
        }
    }

    fn asked(text: &str) -> Query {
        read(&view(), text).unwrap()
    }

    #[test]
    fn bounds_order_and_limit_are_read() {
        let query = asked("available.gte=3&available.lt=9&place=a%20b&sort=-available&limit=7");
        let integer = ColumnValue::Integer;
        assert_eq!(
            query.bounds,
            [
                ("available", Bound::AtLeast(integer(3))),
                ("available", Bound::LessThan(integer(9))),
                ("place", Bound::Equal(ColumnValue::Text("a b".to_owned()))),
            ]
        );
        assert_eq!(query.sort.column, Some("available"));
        assert_eq!(query.sort.order, Order::Descending);
        assert_eq!(query.limit, 7);
    }

    #[test]
    fn what_is_not_said_is_the_first_page_by_key() {
        let query = asked("");
        assert_eq!(
            (query.limit, query.sort, query.after),
            (LIMIT, Sort::default(), None)
        );
        assert_eq!(asked("sort=-key").sort.column, None);
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        for (text, kind, told) in [
            ("availabel=3", "unknown_column", "did you mean available?"),
            ("sort=price", "unknown_column", "available, place"),
            ("available.above=3", "unknown_column", "gte, lt"),
            ("available=many", "malformed", "available is a whole number"),
            ("limit=0", "malformed", "from 1 to 1000"),
            ("limit=1001", "malformed", "from 1 to 1000"),
            ("limit=1&limit=2", "malformed", "twice"),
            ("after=x", "malformed", "after"),
            ("place=%00", "malformed", "U+0000"),
        ] {
            let problem = read(&view(), text).unwrap_err();
            let said = serde_json::to_string(&problem).unwrap();
            assert_eq!(problem.kind(), kind, "{text}");
            assert!(said.contains(told), "{text}: {said}");
        }
    }
}
