//! Where a page ended, as one opaque word: what it was sorted by, the last row's value of that, and its key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jangbu_runtime::ports::{Order, PageRow, Sort};
use kernel::{ColumnKind, ColumnValue};
use serde_json::Value;

use super::query::read_time;
use crate::problem::{MALFORMED, Problem};

/// Far above what a key and a value need, far below what hurts.
const CURSOR_BYTES: usize = 8 * 1024;

/// The word for the end of a page.
pub(super) fn write(sort: &Sort, last: &PageRow) -> String {
    let value = last.sorted_by.as_ref().map_or(Value::Null, to_json);
    let place = serde_json::json!([name(sort), value, last.key]);
    URL_SAFE_NO_PAD.encode(place.to_string())
}

/// The place that a word stands for, if it was given for the same order.
pub(super) fn read(
    word: &str,
    sort: &Sort,
    kind: Option<ColumnKind>,
) -> Result<(Option<ColumnValue>, String), Problem> {
    let place = Some(word)
        .filter(|word| word.len() <= CURSOR_BYTES)
        .and_then(|word| URL_SAFE_NO_PAD.decode(word).ok())
        .and_then(|place| serde_json::from_slice::<(String, Value, String)>(&place).ok());
    let Some((sorted_by, value, key)) = place.filter(|(_, _, key)| !key.contains('\0')) else {
        return Err(wrong("is none that was given here"));
    };
    if sorted_by != name(sort) {
        return Err(wrong("was given for another sort"));
    }
    let value = kind
        .map(|kind| from_json(kind, value).ok_or_else(|| wrong("is none that was given here")))
        .transpose()?;
    Ok((value, key))
}

fn wrong(what: &str) -> Problem {
    Problem::new(
        &MALFORMED,
        format!("after {what}: pass on the next of the page before, with the same query"),
    )
    .with("parameter", "after")
}

/// As a query writes it: `-available`.
fn name(sort: &Sort) -> String {
    let sign = match sort.order {
        Order::Ascending => "",
        Order::Descending => "-",
    };
    format!("{sign}{}", sort.column.unwrap_or("key"))
}

fn to_json(value: &ColumnValue) -> Value {
    match value {
        ColumnValue::None => Value::Null,
        ColumnValue::Text(text) => text.as_str().into(),
        ColumnValue::Integer(number) => (*number).into(),
        ColumnValue::Boolean(yes) => (*yes).into(),
        ColumnValue::Time(time) => time.to_rfc3339().into(),
    }
}

fn from_json(kind: ColumnKind, value: Value) -> Option<ColumnValue> {
    match (kind, value) {
        (_, Value::Null) => Some(ColumnValue::None),
        (ColumnKind::Text, Value::String(text)) if !text.contains('\0') => {
            Some(ColumnValue::Text(text))
        }
        (ColumnKind::Integer, Value::Number(number)) => number.as_i64().map(ColumnValue::Integer),
        (ColumnKind::Boolean, Value::Bool(yes)) => Some(ColumnValue::Boolean(yes)),
        (ColumnKind::Time, Value::String(time)) => read_time(&time).map(ColumnValue::Time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(column: Option<&'static str>) -> Sort {
        Sort {
            column,
            order: Order::Descending,
        }
    }

    #[test]
    fn a_place_comes_back_as_it_went() {
        let time = read_time("2026-11-21T10:00:00.123456Z").unwrap();
        for (kind, value) in [
            (ColumnKind::Text, ColumnValue::Text("a \"b\" ü".to_owned())),
            (ColumnKind::Integer, ColumnValue::Integer(i64::MIN)),
            (ColumnKind::Boolean, ColumnValue::Boolean(true)),
            (ColumnKind::Time, ColumnValue::Time(time)),
            (ColumnKind::Integer, ColumnValue::None),
        ] {
            let row = PageRow {
                key: "k/1".to_owned(),
                document: Vec::new(),
                sorted_by: Some(value.clone()),
            };
            let word = write(&by(Some("c")), &row);
            assert!(
                word.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            );
            let place = read(&word, &by(Some("c")), Some(kind)).unwrap();
            assert_eq!(place, (Some(value), "k/1".to_owned()));
            assert!(read(&word, &by(None), None).is_err(), "another sort");
        }
    }

    #[test]
    fn what_was_not_given_here_is_refused() {
        for word in ["", "!", "e30", "WyIta2V5IixudWxsLDdd"] {
            assert!(read(word, &by(None), None).is_err(), "{word}");
        }
    }
}
