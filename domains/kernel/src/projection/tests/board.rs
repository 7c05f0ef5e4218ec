//! A board on which words are written under names: the smallest story a view can be told.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use event_schemas::events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::projection::*;
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
pub struct Words(pub Vec<String>);

pub fn words() -> View<Words> {
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

pub fn told(position: u64, event: impl Into<BoardEvent>) -> Envelope {
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

pub fn written(position: u64, word: &str, under: &[&str]) -> Envelope {
    let under = under.iter().map(|name| (*name).to_owned()).collect();
    told(
        position,
        WordWritten {
            word: word.into(),
            under,
        },
    )
}

pub fn wiped(position: u64, name: &str) -> Envelope {
    told(position, NameWiped { name: name.into() })
}

pub fn fold(heard: &[Envelope], found: &[(&str, u64, Option<&str>)]) -> Vec<Change> {
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

pub fn change(key: &str, position: u64, words: &[&str]) -> Change {
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

pub fn removed(key: &str, position: u64) -> Change {
    Change {
        key: key.into(),
        position,
        document: None,
        columns: vec![],
    }
}
