//! Pages: keyset paging in both directions, and bounds on every kind of column.

use chrono::{DateTime, Utc};
use kernel::{Change, ColumnValue};

use super::{change, prepared, put, shelf};
use crate::ports::{Bound, Documents, Order, Query, Sort, StoreError};

/// Six documents with ties and missing values; keys that a locale would sort otherwise.
fn stock() -> Vec<Change> {
    let text = |text: &str| ColumnValue::Text(text.to_owned());
    let none = || ColumnValue::None;
    vec![
        change(
            "B",
            1,
            [
                text("pear"),
                ColumnValue::Integer(3),
                ColumnValue::Boolean(true),
                time(30),
            ],
        ),
        change(
            "a",
            2,
            [
                text("Pear"),
                ColumnValue::Integer(3),
                ColumnValue::Boolean(false),
                time(10),
            ],
        ),
        change("b", 3, [none(), ColumnValue::Integer(-1), none(), time(20)]),
        change(
            "가",
            4,
            [text("apple"), none(), ColumnValue::Boolean(true), none()],
        ),
        change(
            "c",
            5,
            [text("사과"), none(), ColumnValue::Boolean(false), time(10)],
        ),
        change(
            "A-1",
            6,
            [text("pear"), ColumnValue::Integer(3), none(), none()],
        ),
    ]
}

fn time(seconds: i64) -> ColumnValue {
    ColumnValue::Time(moment(seconds))
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 123_456_000).unwrap()
}

async fn stocked(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 6, &stock()).await.unwrap();
    lease.end().await;
}

/// The keys of all pages of two rows, one after the other.
async fn walk(
    documents: &dyn Documents,
    bounds: &[(&'static str, Bound)],
    sort: Sort,
) -> Vec<String> {
    let mut query = Query {
        bounds: bounds.to_vec(),
        sort,
        after: None,
        limit: 2,
    };
    let mut keys = Vec::new();
    loop {
        let page = documents.page(&shelf(1), &query).await.unwrap().value;
        assert!(page.rows.len() <= 2);
        for row in &page.rows {
            assert_eq!(row.sorted_by.is_some(), query.sort.column.is_some());
            keys.push(row.key.clone());
        }
        let Some(last) = page.rows.last().filter(|_| page.more) else {
            assert!(!page.more, "a page with more after it has rows");
            return keys;
        };
        query.after = Some((last.sorted_by.clone(), last.key.clone()));
        assert!(keys.len() < 20, "paging goes round in circles: {keys:?}");
    }
}

fn by(column: &'static str, order: Order) -> Sort {
    Sort {
        column: Some(column),
        order,
    }
}

pub async fn pages_run_through_every_document_once_by_key(documents: &dyn Documents) {
    stocked(documents).await;
    let mut keys = ["A-1", "B", "a", "b", "c", "가"];
    assert_eq!(walk(documents, &[], Sort::default()).await, keys);
    keys.reverse();
    let descending = Sort {
        column: None,
        order: Order::Descending,
    };
    assert_eq!(walk(documents, &[], descending).await, keys);
}

pub async fn pages_run_through_ties_and_missing_values_in_both_directions(
    documents: &dyn Documents,
) {
    stocked(documents).await;
    for (column, mut keys) in [
        ("title", ["a", "가", "A-1", "B", "c", "b"]),
        ("count", ["b", "A-1", "B", "a", "c", "가"]),
        ("open", ["a", "c", "B", "가", "A-1", "b"]),
        ("since", ["a", "c", "b", "B", "A-1", "가"]),
    ] {
        assert_eq!(
            walk(documents, &[], by(column, Order::Ascending)).await,
            keys,
            "{column}"
        );
        keys.reverse();
        assert_eq!(
            walk(documents, &[], by(column, Order::Descending)).await,
            keys,
            "{column}"
        );
    }
}

pub async fn bounds_hold_on_every_kind_of_column(documents: &dyn Documents) {
    stocked(documents).await;
    let text = |text: &str| ColumnValue::Text(text.to_owned());
    let cases: [(&'static str, Bound, &[&str]); 15] = [
        ("title", Bound::Equal(text("pear")), &["A-1", "B"]),
        ("title", Bound::AtLeast(text("pear")), &["A-1", "B", "c"]),
        ("title", Bound::LessThan(text("apple")), &["a"]),
        ("title", Bound::Equal(ColumnValue::None), &["b"]),
        (
            "count",
            Bound::Equal(ColumnValue::Integer(3)),
            &["A-1", "B", "a"],
        ),
        (
            "count",
            Bound::AtLeast(ColumnValue::Integer(-1)),
            &["A-1", "B", "a", "b"],
        ),
        ("count", Bound::LessThan(ColumnValue::Integer(3)), &["b"]),
        ("count", Bound::Equal(ColumnValue::None), &["c", "가"]),
        (
            "open",
            Bound::Equal(ColumnValue::Boolean(true)),
            &["B", "가"],
        ),
        (
            "open",
            Bound::AtLeast(ColumnValue::Boolean(true)),
            &["B", "가"],
        ),
        (
            "open",
            Bound::LessThan(ColumnValue::Boolean(true)),
            &["a", "c"],
        ),
        ("open", Bound::Equal(ColumnValue::None), &["A-1", "b"]),
        ("since", Bound::Equal(time(10)), &["a", "c"]),
        ("since", Bound::AtLeast(time(20)), &["B", "b"]),
        ("since", Bound::LessThan(time(20)), &["a", "c"]),
    ];
    for (column, bound, keys) in cases {
        let found = walk(documents, &[(column, bound.clone())], Sort::default()).await;
        assert_eq!(found, keys, "{column} {bound:?}");
    }
}

pub async fn bounds_and_order_go_together(documents: &dyn Documents) {
    stocked(documents).await;
    let bounds = [
        ("count", Bound::AtLeast(ColumnValue::Integer(0))),
        ("since", Bound::LessThan(time(100))),
    ];
    assert_eq!(
        walk(documents, &bounds, by("title", Order::Ascending)).await,
        ["a", "B"]
    );
    assert_eq!(
        walk(documents, &bounds, by("since", Order::Descending)).await,
        ["B", "a"]
    );
    let none = [("count", Bound::Equal(ColumnValue::Integer(77)))];
    assert!(
        walk(documents, &none, by("title", Order::Ascending))
            .await
            .is_empty()
    );
}

pub async fn an_undeclared_column_is_refused(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 1, &[put("a", 1, 1)]).await.unwrap();
    let query = Query {
        sort: by("colour", Order::Ascending),
        limit: 2,
        ..Query::default()
    };
    let answer = documents.page(&shelf(1), &query).await;
    assert!(
        matches!(answer, Err(StoreError::Refused { .. })),
        "{answer:?}"
    );
}
