//! Pages by keyset: each begins where the last one ended, found by index, however deep.
//!
//! Rows without a value come last ascending and first descending, as PostgreSQL's own order has it, and ties go by key
//! in the same direction. A page that begins at a value and one that begins among the missing ones are two stretches of
//! the index; both are read up to the limit and put together.

use jangbu_runtime::ports::{Bound, Order, Page, PageRow, Query, Read, StoreError, ViewDefinition};
use kernel::{ColumnKind, ColumnValue};
use sqlx::postgres::PgRow;
use sqlx::{Postgres as Database, QueryBuilder};

use super::{document, is_null, no_room, read, table};
use crate::envelope::get;
use crate::error::refused;
use crate::postgres::Postgres;

/// Rows of one page, whatever is asked for.
const PAGE_ROWS: usize = 10_000;

pub(super) async fn page(
    store: &Postgres,
    view: &ViewDefinition,
    query: &Query,
) -> Result<Read<Page>, StoreError> {
    let sorted_by = query
        .sort
        .column
        .map(|name| kind(view, name).map(|kind| (name, kind)))
        .transpose()?;
    let limit = query.limit.min(PAGE_ROWS);
    let mut sql = statement(view, query, limit)?;
    let rows = store
        .shared
        .searches
        .take()
        .await?
        .rows("read a page", sql.build())
        .await?;
    let first = rows.first().ok_or_else(|| no_room(view))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        // The checkpoint comes also where there is no row.
        if !is_null(row, 3)? {
            found.push(page_row(row, sorted_by.map(|(_, kind)| kind))?);
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    read(first, Page { rows: found, more })
}

fn kind(view: &ViewDefinition, name: &str) -> Result<ColumnKind, StoreError> {
    let column = view.columns.iter().find(|(column, _)| *column == name);
    column
        .map(|(_, kind)| *kind)
        .ok_or_else(|| refused(format!("view {} has no column {name:?}", view.name)))
}

fn page_row(row: &PgRow, sorted_by: Option<ColumnKind>) -> Result<PageRow, StoreError> {
    let sorted_by = match sorted_by {
        None => None,
        Some(_) if is_null(row, 5)? => Some(ColumnValue::None),
        Some(ColumnKind::Text) => Some(ColumnValue::Text(get(row, 5)?)),
        Some(ColumnKind::Integer) => Some(ColumnValue::Integer(get(row, 5)?)),
        Some(ColumnKind::Boolean) => Some(ColumnValue::Boolean(get(row, 5)?)),
        Some(ColumnKind::Time) => Some(ColumnValue::Time(get(row, 5)?)),
    };
    Ok(PageRow {
        key: get(row, 3)?,
        document: document(row, 4)?,
        sorted_by,
    })
}

fn statement<'q>(
    view: &ViewDefinition,
    query: &'q Query,
    limit: usize,
) -> Result<QueryBuilder<'q, Database>, StoreError> {
    let (table, limit) = (table(view)?, i64::try_from(limit + 1).unwrap_or(i64::MAX));
    for (column, _) in &query.bounds {
        kind(view, column)?;
    }
    let direction = match query.sort.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let (sorted, order) = match query.sort.column {
        Some(column) => (
            format!(", {column} AS sorted"),
            format!("sorted {direction}, key {direction}"),
        ),
        None => (String::new(), format!("key {direction}")),
    };

    let mut sql = QueryBuilder::new(
        "SELECT c.position, c.stopped_at, c.stopped_why, p.* FROM view_checkpoints c ",
    );
    sql.push("LEFT JOIN LATERAL (SELECT * FROM (");
    for (at, stretch) in stretches(query).into_iter().enumerate() {
        if at > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push(format!(
            "(SELECT key, document{sorted} FROM {table} WHERE document IS NOT NULL"
        ));
        for (column, bound) in &query.bounds {
            push_bound(&mut sql, column, bound);
        }
        push_stretch(&mut sql, query, stretch);
        sql.push(format!(" ORDER BY {order} LIMIT "))
            .push_bind(limit)
            .push(")");
    }
    sql.push(format!(") AS s ORDER BY {order} LIMIT "))
        .push_bind(limit);
    sql.push(") AS p ON true WHERE c.name = ")
        .push_bind(view.name);
    sql.push(" AND c.version = ")
        .push_bind(view.version.cast_signed());
    sql.push(" AND c.shadow = ").push_bind(view.shadow);
    sql.push(format!(
        " ORDER BY {}",
        order.replace("sorted", "p.sorted").replace("key", "p.key")
    ));
    Ok(sql)
}

/// A stretch of the index that a page may take rows from.
#[derive(Clone, Copy)]
enum Stretch {
    Everything,
    /// Behind the last page's row.
    Behind,
    WithoutValue,
    WithValue,
}

fn stretches(query: &Query) -> Vec<Stretch> {
    match (&query.after, query.sort.column, query.sort.order) {
        (None, ..) => vec![Stretch::Everything],
        (Some(_), None, _) => vec![Stretch::Behind],
        (Some((value, _)), Some(_), order) => match (is_missing(value.as_ref()), order) {
            (false, Order::Ascending) => vec![Stretch::Behind, Stretch::WithoutValue],
            (true, Order::Descending) => vec![Stretch::Behind, Stretch::WithValue],
            (true, Order::Ascending) | (false, Order::Descending) => vec![Stretch::Behind],
        },
    }
}

fn is_missing(value: Option<&ColumnValue>) -> bool {
    matches!(value, None | Some(ColumnValue::None))
}

fn push_stretch<'q>(sql: &mut QueryBuilder<'q, Database>, query: &'q Query, stretch: Stretch) {
    let column = query.sort.column.unwrap_or("key");
    let beyond = match query.sort.order {
        Order::Ascending => ">",
        Order::Descending => "<",
    };
    match (stretch, &query.after) {
        (Stretch::WithoutValue, _) => {
            sql.push(format!(" AND {column} IS NULL"));
        }
        (Stretch::WithValue, _) => {
            sql.push(format!(" AND {column} IS NOT NULL"));
        }
        (Stretch::Behind, Some((value, key))) => {
            match value.as_ref().filter(|_| query.sort.column.is_some()) {
                Some(value) if !is_missing(Some(value)) => {
                    sql.push(format!(" AND ({column}, key) {beyond} ("));
                    push_value(sql, value);
                    sql.push(", ").push_bind(key).push(")");
                }
                _ => {
                    if query.sort.column.is_some() {
                        sql.push(format!(" AND {column} IS NULL"));
                    }
                    sql.push(format!(" AND key {beyond} ")).push_bind(key);
                }
            }
        }
        (Stretch::Everything | Stretch::Behind, _) => {}
    }
}

fn push_bound<'q>(sql: &mut QueryBuilder<'q, Database>, column: &str, bound: &'q Bound) {
    let (comparison, value) = match bound {
        Bound::Equal(ColumnValue::None) => {
            sql.push(format!(" AND {column} IS NULL"));
            return;
        }
        Bound::Equal(value) => ("=", value),
        Bound::AtLeast(value) => (">=", value),
        Bound::LessThan(value) => ("<", value),
    };
    sql.push(format!(" AND {column} {comparison} "));
    push_value(sql, value);
}

fn push_value<'q>(sql: &mut QueryBuilder<'q, Database>, value: &'q ColumnValue) {
    match value {
        ColumnValue::None => sql.push("NULL"),
        ColumnValue::Text(text) => sql.push_bind(text),
        ColumnValue::Integer(number) => sql.push_bind(number),
        ColumnValue::Boolean(yes) => sql.push_bind(yes),
        ColumnValue::Time(time) => sql.push_bind(time),
    };
}
