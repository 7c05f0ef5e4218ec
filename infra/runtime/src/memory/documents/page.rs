//! A page of documents: bounds, order, and where to go on.

use std::cmp::Ordering;

use kernel::{ColumnKind, ColumnValue};

use super::refused;
use super::rooms::{Kept, Room};
use crate::ports::{Bound, Order, Page, PageRow, Query, StoreError};

pub(super) fn page(room: &Room, query: &Query) -> Result<Page, StoreError> {
    let sorted_by = query
        .sort
        .column
        .map(|name| column(room, name))
        .transpose()?;
    let bounds = query
        .bounds
        .iter()
        .map(|(name, bound)| checked(room, name, bound))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows: Vec<Row<'_>> = room
        .documents
        .iter()
        .filter(|(_, kept)| kept.document.is_some())
        .filter(|(_, kept)| {
            bounds
                .iter()
                .all(|(at, bound)| holds(&kept.columns[*at], bound))
        })
        .filter_map(|(key, kept)| Row::of(key, kept, sorted_by))
        .filter(|row| follows(row, query))
        .collect();
    rows.sort_by(|a, b| in_order(a.place(), b.place(), query.sort.order));
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    Ok(Page {
        rows: rows.into_iter().map(Row::into_page_row).collect(),
        more,
    })
}

struct Row<'r> {
    key: &'r str,
    document: &'r [u8],
    sorted_by: Option<&'r ColumnValue>,
}

impl<'r> Row<'r> {
    /// None of a tombstone.
    fn of(key: &'r str, kept: &'r Kept, sorted_by: Option<usize>) -> Option<Self> {
        Some(Self {
            key,
            document: kept.document.as_deref()?,
            sorted_by: sorted_by.map(|at| &kept.columns[at]),
        })
    }

    fn place(&self) -> (Option<&ColumnValue>, &str) {
        (self.sorted_by, self.key)
    }

    fn into_page_row(self) -> PageRow {
        PageRow {
            key: self.key.to_owned(),
            document: self.document.to_vec(),
            sorted_by: self.sorted_by.cloned(),
        }
    }
}

/// Whether a row comes after the one the page begins after.
fn follows(row: &Row<'_>, query: &Query) -> bool {
    query.after.as_ref().is_none_or(|(value, key)| {
        // A cursor speaks of the column sorted by, whatever else it brings.
        let value = row.sorted_by.and(value.as_ref());
        in_order((value, key), row.place(), query.sort.order) == Ordering::Less
    })
}

type Place<'r> = (Option<&'r ColumnValue>, &'r str);

fn in_order((a, a_key): Place<'_>, (b, b_key): Place<'_>, order: Order) -> Ordering {
    let ascending = by_value(a, b).then_with(|| a_key.cmp(b_key));
    match order {
        Order::Ascending => ascending,
        Order::Descending => ascending.reverse(),
    }
}

/// None is the largest: last in ascending order, first in descending.
fn by_value(a: Option<&ColumnValue>, b: Option<&ColumnValue>) -> Ordering {
    let valued = |value| matches!(value, Some(&ColumnValue::None) | None);
    valued(a).cmp(&valued(b)).then_with(|| a.cmp(&b))
}

fn holds(value: &ColumnValue, bound: &Bound) -> bool {
    match bound {
        Bound::Equal(wanted) => value == wanted,
        Bound::AtLeast(least) => *value != ColumnValue::None && value >= least,
        Bound::LessThan(limit) => *value != ColumnValue::None && value < limit,
    }
}

fn column(room: &Room, name: &str) -> Result<usize, StoreError> {
    room.columns
        .iter()
        .position(|(column, _)| *column == name)
        .ok_or_else(|| refused(format!("the view has no column {name:?}")))
}

/// A bound must be of its column's kind, as a database insists too.
fn checked<'q>(
    room: &Room,
    name: &str,
    bound: &'q Bound,
) -> Result<(usize, &'q Bound), StoreError> {
    let at = column(room, name)?;
    let kind = room.columns[at].1;
    let (Bound::Equal(value) | Bound::AtLeast(value) | Bound::LessThan(value)) = bound;
    let fits = match value {
        ColumnValue::None => matches!(bound, Bound::Equal(_)),
        ColumnValue::Text(_) => kind == ColumnKind::Text,
        ColumnValue::Integer(_) => kind == ColumnKind::Integer,
        ColumnValue::Boolean(_) => kind == ColumnKind::Boolean,
        ColumnValue::Time(_) => kind == ColumnKind::Time,
    };
    if fits {
        return Ok((at, bound));
    }
    Err(refused(format!(
        "column {name:?} is not compared with {value:?}"
    )))
}
