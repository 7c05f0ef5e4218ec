//! What a reader makes of the log that knows only the wire.

use std::collections::BTreeMap;

use super::World;
use crate::ports::{LogRecord, TopicPartition};

impl World {
    /// Reads the log by the rule of section 5 and finds every stored event once, in order, where its key belongs.
    pub(in crate::relay::tests) async fn assert_complete(&self) -> Read {
        let mut read = self.read();
        assert_eq!(
            read.losses,
            Vec::<String>::new(),
            "no reader may ever see a loss"
        );
        let stored = self.stored().await;
        let mut found: Vec<_> = read
            .events
            .values()
            .flatten()
            .map(|(position, id)| (*position, id.clone()))
            .collect();
        found.sort_unstable();
        let expected: Vec<_> = stored
            .iter()
            .map(|event| (event.position, event.event_id.hyphenated().to_string()))
            .collect();
        assert_eq!(found, expected);
        for (at, events) in &read.events {
            assert!(events.is_sorted_by_key(|(position, _)| *position), "{at:?}");
        }
        read.duplicates.sort_unstable();
        read
    }

    /// What a reader makes of the log that knows only the headers.
    pub(in crate::relay::tests) fn read(&self) -> Read {
        let mut read = Read::default();
        let ours = self.source().to_string();
        for at in self.log.places() {
            let mut last = 0;
            for record in self.log.records(&at) {
                if text(&record, "ce_source") != Some(&ours) {
                    continue;
                }
                let number = |name| text(&record, name).unwrap().parse::<u64>().unwrap();
                let (position, previous) = (number("ce_position"), number("ce_previous"));
                if position <= last {
                    read.duplicates.push(position);
                } else {
                    if previous > last {
                        read.losses
                            .push(format!("{previous} is missing before {position} in {at:?}"));
                    }
                    let id = text(&record, "ce_id").unwrap().to_owned();
                    read.events
                        .entry(at.clone())
                        .or_default()
                        .push((position, id));
                    last = position;
                }
            }
        }
        read
    }
}

/// What a reader saw.
#[derive(Debug, Default)]
pub(in crate::relay::tests) struct Read {
    pub(in crate::relay::tests) events: BTreeMap<TopicPartition, Vec<(u64, String)>>,
    pub(in crate::relay::tests) duplicates: Vec<u64>,
    pub(in crate::relay::tests) losses: Vec<String>,
}

pub(in crate::relay::tests) fn text<'r>(record: &'r LogRecord, name: &str) -> Option<&'r str> {
    record
        .header(name)
        .map(|value| std::str::from_utf8(value).unwrap())
}
