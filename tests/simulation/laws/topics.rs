//! Law 5. Every event is in the log, in order per partition and each once when positions already seen are dropped, and
//! its position there is its position in the store. Read by somebody who knows the headers of the wire and nothing else.
//! Where retention or a wiped topic took records away, the reader is told of every hole: nothing is missing in silence.

use std::collections::{BTreeMap, BTreeSet};

use event_schemas::Envelope;
use jangbu_runtime::partition::partition_of;
use jangbu_runtime::ports::{LogRecord, TopicPartition};

use super::{Broken, Evidence, tell};
use crate::simulation::world::{PARTITIONS, PREFIX};

/// What a subscriber keeps: one number per partition and source.
#[derive(Default)]
struct Reader {
    last: BTreeMap<String, u64>,
}

enum Read {
    Event,
    Duplicate,
    /// Positions after the first and up to the second are missing: to be read from the store, and reported.
    Loss(u64, u64),
}

impl Reader {
    fn read(&mut self, source: &str, position: u64, previous: u64) -> Read {
        let last = self.last.entry(source.to_owned()).or_default();
        if position <= *last {
            return Read::Duplicate;
        }
        let before = std::mem::replace(last, position);
        if previous > before {
            Read::Loss(before, previous)
        } else {
            Read::Event
        }
    }
}

pub(super) fn hold_every_event(evidence: &Evidence<'_>, broken: &mut Broken) {
    let world = evidence.world;
    let by_id: BTreeMap<_, _> = (evidence.events.iter())
        .map(|event| (event.event_id.to_string(), event))
        .collect();
    let sources: Vec<_> = (world.database.incarnations().iter())
        .map(|incarnation| format!("/jangbu/mall/{incarnation}"))
        .collect();
    let mut found = BTreeSet::new();
    let mut lost: Vec<(TopicPartition, u64, u64)> = Vec::new();
    for at in world.log.places() {
        let is_damaged = world.history.is_damaged(&at);
        let mut reader = Reader::default();
        for record in world.log.records(&at) {
            let Some(source) = header(&record, "ce_source").and_then(|source| {
                let known = sources.iter().position(|known| *known == source);
                known.filter(|_| source.starts_with("/jangbu/mall/"))
            }) else {
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
            let is_of_today = source + 1 == sources.len();
            match reader.read(&sources[source], position, previous) {
                Read::Duplicate => continue,
                Read::Event => {}
                // A later incarnation goes on where an earlier one was; a reader that comes to it knows nothing yet.
                Read::Loss(0, _) if source > 0 && !is_damaged => {}
                Read::Loss(after, until) => {
                    broken.unless(is_damaged || !is_of_today, || {
                        let offset = record.offset;
                        format!("{at:?}/{offset}: position {position} comes after a hole")
                    });
                    lost.push((at.clone(), after, until));
                }
            }
            match by_id.get(id) {
                Some(event) => {
                    let once = found.insert((source, id.to_owned()));
                    broken.unless(once, || format!("{} is read twice", tell(event)));
                    carries(&record, event, broken);
                }
                // Of a history that a restore took away.
                None => broken.unless(!is_of_today, || {
                    let offset = record.offset;
                    format!("{at:?}/{offset} of today's incarnation is stored nowhere")
                }),
            }
        }
        if is_damaged && world.log.records(&at).is_empty() {
            lost.push((at.clone(), 0, u64::MAX));
        }
    }
    let ids: BTreeSet<_> = found.iter().map(|(_, id)| id).collect();
    for (id, event) in &by_id {
        let place = place_of(event);
        let is_reported = lost.iter().any(|(at, after, until)| {
            *at == place && *after < event.position && event.position <= *until
        });
        broken.unless(ids.contains(id) || is_reported, || {
            format!("{} is in no topic, and no reader hears of it", tell(event))
        });
    }
}

fn place_of(event: &Envelope) -> TopicPartition {
    TopicPartition {
        topic: format!("{PREFIX}{}", event.aggregate).into(),
        partition: partition_of(event.id.as_bytes(), PARTITIONS),
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
