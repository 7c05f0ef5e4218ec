//! The columns a view can be searched and sorted by.

use std::fmt;

use chrono::{DateTime, Utc};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, compared byte by byte.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// A moment, in UTC.
    Time,
}

/// One value of a column; none where the document has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnValue {
    /// The document has none.
    None,
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A moment.
    Time(DateTime<Utc>),
}

/// What may stand in a column.
pub trait IntoColumn {
    /// The column's kind.
    const KIND: ColumnKind;
    /// The value.
    fn into_column(self) -> ColumnValue;
}

impl IntoColumn for String {
    const KIND: ColumnKind = ColumnKind::Text;
    fn into_column(self) -> ColumnValue {
        ColumnValue::Text(self)
    }
}

impl IntoColumn for i64 {
    const KIND: ColumnKind = ColumnKind::Integer;
    fn into_column(self) -> ColumnValue {
        ColumnValue::Integer(self)
    }
}

impl IntoColumn for u64 {
    const KIND: ColumnKind = ColumnKind::Integer;
    fn into_column(self) -> ColumnValue {
        // Integers on the wire stay below 2^53; beyond i64 the order is all that a column is for.
        ColumnValue::Integer(i64::try_from(self).unwrap_or(i64::MAX))
    }
}

impl IntoColumn for bool {
    const KIND: ColumnKind = ColumnKind::Boolean;
    fn into_column(self) -> ColumnValue {
        ColumnValue::Boolean(self)
    }
}

impl IntoColumn for DateTime<Utc> {
    const KIND: ColumnKind = ColumnKind::Time;
    fn into_column(self) -> ColumnValue {
        ColumnValue::Time(self)
    }
}

impl<T: IntoColumn> IntoColumn for Option<T> {
    const KIND: ColumnKind = T::KIND;
    fn into_column(self) -> ColumnValue {
        self.map_or(ColumnValue::None, IntoColumn::into_column)
    }
}

/// A declared column of a view of `R`.
pub(crate) struct Column<R> {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnKind,
    pub(crate) value: Box<dyn Fn(&R) -> ColumnValue + Send + Sync>,
}

impl<R> Column<R> {
    pub(crate) fn new<V: IntoColumn>(
        name: &'static str,
        value: impl Fn(&R) -> V + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            kind: V::KIND,
            value: Box::new(move |row| value(row).into_column()),
        }
    }
}

impl<R> fmt::Debug for Column<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
