use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use event_schemas::events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::*;
use crate::{ColumnValue, view};

/// Whose board it is; anything but an empty text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Board(String);

#[derive(Debug, thiserror::Error)]
#[error("a board has a name")]
pub struct NoName;

impl FromStr for Board {
    type Err = NoName;
    fn from_str(text: &str) -> Result<Self, NoName> {
        if text.is_empty() {
            Err(NoName)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word was written under some names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WordWritten {
    word: String,
    under: Vec<String>,
}

/// What stood under a name was wiped off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NameWiped {
    name: String,
}

events! { BoardEvent of "board" by Board: WordWritten v1, NameWiped v1 }

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Words(Vec<String>);

fn words() -> View<Words> {
    view("words", 1)
        .column("count", |row: &Words| {
            u64::try_from(row.0.len()).unwrap_or_default()
        })
        .column("last", |row| row.0.last().cloned())
        .on::<BoardEvent, _>(
            |event, _| match event {
                BoardEvent::WordWritten(e) => e.under.clone(),
                BoardEvent::NameWiped(e) => vec![e.name.clone()],
            },
            |row, event, heard| match event {
                BoardEvent::WordWritten(e) => {
                    row.0.push(format!("{}@{}", e.word, heard.position()))
                }
                BoardEvent::NameWiped(_) => row.remove(),
            },
        )
}

fn told(position: u64, event: impl Into<BoardEvent>) -> Envelope {
    let event: BoardEvent = event.into();
    let kind = event_schemas::EventList::event_type(&event);
    Envelope {
        position,
        event_id: Uuid::nil(),
        aggregate: "board".into(),
        id: "kitchen".into(),
        sequence: position,
        name: kind.name.into(),
        version: "1".into(),
        payload: event_schemas::EventList::to_payload(&event).unwrap().into(),
        metadata: "{}".into(),
        command_id: Uuid::nil(),
        command_ordinal: 0,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

fn written(position: u64, word: &str, under: &[&str]) -> Envelope {
    let under = under.iter().map(|name| (*name).to_owned()).collect();
    told(
        position,
        WordWritten {
            word: word.into(),
            under,
        },
    )
}

fn wiped(position: u64, name: &str) -> Envelope {
    told(position, NameWiped { name: name.into() })
}

fn fold(heard: &[Envelope], found: &[(&str, u64, Option<&str>)]) -> Vec<Change> {
    let view = words();
    let mut batch = view.batch();
    for told in heard {
        batch.hear(told).unwrap();
    }
    let found = found.iter().map(|(key, position, document)| {
        let document = document.map(|json| json.as_bytes().to_vec());
        (
            (*key).to_owned(),
            Found {
                position: *position,
                document,
            },
        )
    });
    batch.fold(found.collect()).unwrap()
}

fn change(key: &str, position: u64, words: &[&str]) -> Change {
    let last = words
        .last()
        .map_or(ColumnValue::None, |word| ColumnValue::Text((*word).into()));
    Change {
        key: key.into(),
        position,
        document: Some(serde_json::to_vec(words).unwrap()),
        columns: vec![
            ColumnValue::Integer(i64::try_from(words.len()).unwrap()),
            last,
        ],
    }
}

fn removed(key: &str, position: u64) -> Change {
    Change {
        key: key.into(),
        position,
        document: None,
        columns: vec![],
    }
}

#[test]
fn events_of_a_batch_are_folded_in_order_into_each_document_they_touch() {
    let changes = fold(
        &[written(1, "a", &["x", "y"]), written(2, "b", &["x"])],
        &[],
    );
    assert_eq!(
        changes,
        [change("x", 2, &["a@1", "b@2"]), change("y", 1, &["a@1"])]
    );
}

#[test]
fn a_stored_document_goes_on_from_where_it_was() {
    let changes = fold(&[written(9, "b", &["x"])], &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [change("x", 9, &["a@4", "b@9"])]);
}

#[test]
fn what_is_in_a_document_already_is_passed_over() {
    let events = [written(4, "a", &["x"]), written(5, "b", &["x"])];
    let changes = fold(&events, &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [change("x", 5, &["a@4", "b@5"])]);
}

#[test]
fn a_document_in_which_everything_is_already_does_not_change() {
    let events = [written(4, "a", &["x"]), written(5, "b", &["x"])];
    assert_eq!(fold(&events, &[("x", 5, Some(r#"["a@4","b@5"]"#))]), []);
}

#[test]
fn a_name_given_twice_by_one_event_is_folded_once() {
    assert_eq!(
        fold(&[written(1, "a", &["x", "x"])], &[]),
        [change("x", 1, &["a@1"])]
    );
}

#[test]
fn an_event_that_touches_nothing_changes_nothing() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(1, "a", &[])).unwrap();
    assert!(batch.keys().is_empty());
    assert_eq!(batch.fold(FoundDocuments::new()).unwrap(), []);
}

#[test]
fn the_keys_are_known_before_anything_is_folded() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(1, "a", &["y", "x"])).unwrap();
    batch.hear(&wiped(2, "z")).unwrap();
    assert_eq!(
        batch.keys().into_iter().collect::<Vec<_>>(),
        ["x", "y", "z"]
    );
}

#[test]
fn a_removed_document_is_gone_with_its_columns() {
    let changes = fold(&[wiped(5, "x")], &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [removed("x", 5)]);
}

#[test]
fn after_a_removal_a_document_starts_empty() {
    let events = [
        written(1, "a", &["x"]),
        wiped(2, "x"),
        written(3, "b", &["x"]),
    ];
    assert_eq!(fold(&events, &[]), [change("x", 3, &["b@3"])]);
}

#[test]
fn a_tombstone_passes_over_what_came_before_it() {
    let events = [
        written(4, "a", &["x"]),
        wiped(5, "x"),
        written(6, "b", &["x"]),
    ];
    assert_eq!(fold(&events[..2], &[("x", 5, None)]), []);
    assert_eq!(fold(&events, &[("x", 5, None)]), [change("x", 6, &["b@6"])]);
}

#[test]
fn events_of_others_are_not_listened_to() {
    assert!(words().hears("board") && !words().hears("order"));
    let of_others = Envelope {
        aggregate: "order".into(),
        ..written(1, "a", &["x"])
    };
    assert_eq!(fold(&[of_others], &[]), []);
}

#[test]
fn an_event_that_cannot_be_read_is_not_half_taken() {
    let view = words();
    let mut batch = view.batch();
    let told = written(1, "a", &["x"]);

    let unknown = Envelope {
        name: "WordSung".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&unknown), Err(HearError::Decode(why)) if why.is_unknown()));
    let newer = Envelope {
        version: "2".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&newer), Err(HearError::Decode(why)) if why.is_unknown()));
    let malformed = Envelope {
        payload: "{}".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&malformed), Err(HearError::Decode(why)) if !why.is_unknown()));
    let nameless = Envelope {
        id: String::new(),
        ..told
    };
    assert!(matches!(
        batch.hear(&nameless),
        Err(HearError::Id {
            aggregate: "board",
            ..
        })
    ));

    assert!(batch.keys().is_empty());
}

#[test]
fn a_stored_document_of_another_shape_stops_the_fold() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(5, "a", &["x"])).unwrap();
    let found = Found {
        position: 4,
        document: Some(b"7".to_vec()),
    };
    let refused = batch.fold([("x".to_owned(), found)].into()).unwrap_err();
    assert_eq!((refused.view, refused.key.as_str()), ("words", "x"));
}

#[test]
fn two_lists_may_fold_into_one_document_in_the_stores_order() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct BellRung {}
    events! { BellEvent of "bell" by String: BellRung v1 }
    let view = words().on::<BellEvent, _>(|_, _| ["x"], |row, _, _| row.0.push("ding".into()));
    let rung = Envelope {
        aggregate: "bell".into(),
        name: "BellRung".into(),
        payload: "{}".into(),
        ..written(2, "", &[])
    };
    let mut batch = view.batch();
    for told in [written(1, "a", &["x"]), rung, written(3, "b", &["x"])] {
        batch.hear(&told).unwrap();
    }
    let changes = batch.fold(FoundDocuments::new()).unwrap();
    assert_eq!(changes, [change("x", 3, &["a@1", "ding", "b@3"])]);
}
