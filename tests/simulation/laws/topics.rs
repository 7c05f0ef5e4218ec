//! Law 5. Every event is in the log, in order per partition and each once when positions already seen are dropped, and
//! its position there is its position in the store. Read by somebody who knows the headers of the wire and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use event_schemas::Envelope;
use jangbu_runtime::ports::LogRecord;

use super::{Broken, Evidence, tell};
use crate::simulation::world::PREFIX;

/// What a subscriber keeps: one number per partition and source.
#[derive(Default)]
struct Reader {
    last: BTreeMap<String, u64>,
}

enum Read {
    Event,
    Duplicate,
    /// Something between the last one and this one is missing.
    Loss,
}

impl Reader {
    fn read(&mut self, source: &str, position: u64, previous: u64) -> Read {
        let is_new = !self.last.contains_key(source);
        let last = self.last.entry(source.to_owned()).or_default();
        if position <= *last {
            return Read::Duplicate;
        }
        let missed = previous > *last && !is_new;
        *last = position;
        if missed { Read::Loss } else { Read::Event }
    }
}

pub(super) fn hold_every_event(evidence: &Evidence<'_>, broken: &mut Broken) {
    let world = evidence.world;
    let by_id: BTreeMap<_, _> = (evidence.events.iter())
        .map(|event| (event.event_id.to_string(), event))
        .collect();
    let gone = world.history.gone();
    let incarnations = world.database.incarnations();
    let newest = format!(
        "/jangbu/mall/{}",
        incarnations.last().expect("there is one")
    );
    let mut found = BTreeSet::new();
    for at in world.log.places() {
        let mut reader = Reader::default();
        for record in world.log.records(&at) {
            let Some(source) =
                header(&record, "ce_source").filter(|source| source.starts_with("/jangbu/mall/"))
            else {
                continue;
            };
            let id = header(&record, "ce_id").unwrap_or_default();
            let number = |name| header(&record, name).and_then(|text| text.parse::<u64>().ok());
            let (Some(position), Some(previous)) = (number("ce_position"), number("ce_previous"))
            else {
                broken.unless(false, || {
                    format!("{at:?}/{} says no position", record.offset)
                });
                continue;
            };
            let is_of_today = source == newest;
            match reader.read(source, position, previous) {
                Read::Duplicate => continue,
                Read::Event => {}
                Read::Loss => broken.unless(!is_of_today, || {
                    format!(
                        "{at:?}/{}: position {position} comes after a hole",
                        record.offset
                    )
                }),
            }
            match by_id.get(id) {
                Some(event) => {
                    let once = found.insert((source.to_owned(), id.to_owned()));
                    broken.unless(once, || format!("{} is read twice", tell(event)));
                    carries(&record, event, broken);
                }
                // Of a history that a restore took away.
                None => broken.unless(!is_of_today, || {
                    format!(
                        "{at:?}/{} of today's incarnation is stored nowhere",
                        record.offset
                    )
                }),
            }
        }
    }
    let ids: BTreeSet<_> = found.iter().map(|(_, id)| id).collect();
    for (id, event) in &by_id {
        broken.unless(ids.contains(id) || gone.contains(id), || {
            format!("{} is in no topic", tell(event))
        });
    }
}

/// The record is the event, header by header.
fn carries(record: &LogRecord, event: &Envelope, broken: &mut Broken) {
    let Envelope {
        aggregate,
        id,
        name,
        version,
        ..
    } = event;
    let metadata = event.read_metadata();
    let expected = [
        ("content-type", Some("application/json".to_owned())),
        ("ce_specversion", Some("1.0".to_owned())),
        (
            "ce_type",
            Some(format!("jangbu.{aggregate}.{name}.v{version}")),
        ),
        ("ce_subject", Some(format!("{aggregate}/{id}"))),
        (
            "ce_dataschema",
            Some(format!("urn:jangbu:schema:{aggregate}:{name}:{version}")),
        ),
        (
            "ce_time",
            Some(
                event
                    .recorded_at
                    .format("%Y-%m-%dT%H:%M:%S%.6fZ")
                    .to_string(),
            ),
        ),
        ("ce_sequence", Some(event.sequence.to_string())),
        ("ce_position", Some(event.position.to_string())),
        ("ce_commandid", Some(event.command_id.to_string())),
        ("ce_correlationid", Some(metadata.correlation_id)),
        ("ce_causationid", metadata.causation_id),
        ("ce_actor", Some(metadata.actor)),
    ];
    for (name, value) in expected {
        broken.unless(header(record, name) == value.as_deref(), || {
            format!(
                "{}: header {name} is {:?}, not {value:?}",
                tell(event),
                header(record, name)
            )
        });
    }
    let is_same = record.value.as_ref() == Some(&event.payload)
        && record.key.as_deref() == Some(id.as_bytes())
        && *record.at.topic == format!("{PREFIX}{aggregate}");
    broken.unless(is_same, || {
        format!(
            "{} is in the log with another value, key or topic",
            tell(event)
        )
    });
}

fn header<'r>(record: &'r LogRecord, name: &str) -> Option<&'r str> {
    record
        .header(name)
        .and_then(|value| std::str::from_utf8(value).ok())
}
