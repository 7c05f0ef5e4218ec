//! Law 5: every event is in Kafka, once by the rule of section 5, in its partition, byte for byte.

use std::collections::BTreeMap;

use event_schemas::Envelope;

use super::{CATCH_UP, Complaints, first};
use crate::murmur2::partition;
use crate::reader::{Readout, Record, read};
use crate::site::Site;
use crate::stored::Stored;
use crate::wait::eventually;

pub(super) async fn holds(site: &Site, stored: &Stored) {
    let topics = ["order", "stock", "command"].map(|aggregate| site.topic(aggregate));
    let readout = eventually("every event is in Kafka", CATCH_UP, || async {
        let readout = read(site.brokers(), &topics, &stored.source).await;
        // Newer ones come after these.
        let known = readout
            .events
            .iter()
            .filter_map(|record| record.number("ce_position"));
        match known.filter(|position| *position <= stored.head()).count() {
            enough if enough >= stored.events.len() => Ok(readout),
            few => Err(format!(
                "{few} of {}; {:?}",
                stored.events.len(),
                readout.losses
            )),
        }
    })
    .await;
    let complaints = complaints(stored, &readout, |aggregate| site.topic(aggregate));
    assert!(
        complaints.is_empty(),
        "Kafka holds the ledger, but:\n{}",
        first(&complaints)
    );
}

fn complaints(stored: &Stored, readout: &Readout, topic: impl Fn(&str) -> String) -> Complaints {
    let mut complaints = readout.losses.clone();
    let mut by_position = BTreeMap::new();
    // What was stored since is no business of this check.
    let position = |record: &Record| record.number("ce_position").unwrap_or_default();
    for record in readout
        .events
        .iter()
        .filter(|record| position(record) <= stored.head())
    {
        if by_position.insert(position(record), record).is_some() {
            complaints.push(format!("position {} is there twice", position(record)));
        }
    }
    for event in &stored.events {
        let Some(record) = by_position.remove(&event.position) else {
            complaints.push(format!("position {} is not there", event.position));
            continue;
        };
        let expected = expected(event, record, &stored.source, topic(&event.aggregate));
        if *record != expected {
            complaints.push(format!("{record:?}\n  should be {expected:?}"));
        }
    }
    complaints.extend(
        by_position
            .keys()
            .map(|position| format!("position {position} is not stored")),
    );
    complaints
}

/// The record of an event, from section 10. What only the log knows (`ce_previous`, the count of partitions) is taken
/// over; the rule has judged it.
fn expected(event: &Envelope, record: &Record, source: &str, topic: String) -> Record {
    let Envelope {
        aggregate,
        id,
        name,
        version,
        ..
    } = event;
    let metadata = event.read_metadata();
    let mut headers = BTreeMap::from([
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event.event_id.to_string()),
        (
            "ce_time",
            event
                .recorded_at
                .format("%Y-%m-%dT%H:%M:%S%.6fZ")
                .to_string(),
        ),
        ("ce_source", source.to_owned()),
        ("ce_type", format!("jangbu.{aggregate}.{name}.v{version}")),
        ("ce_subject", format!("{aggregate}/{id}")),
        (
            "ce_dataschema",
            format!("urn:jangbu:schema:{aggregate}:{name}:{version}"),
        ),
        ("ce_sequence", event.sequence.to_string()),
        ("ce_position", event.position.to_string()),
        (
            "ce_previous",
            record
                .headers
                .get("ce_previous")
                .cloned()
                .unwrap_or_default(),
        ),
        ("ce_commandid", event.command_id.to_string()),
        ("ce_correlationid", metadata.correlation_id),
        ("ce_actor", metadata.actor),
    ]);
    headers.extend(metadata.causation_id.map(|id| ("ce_causationid", id)));
    headers.extend(metadata.traceparent.map(|trace| ("traceparent", trace)));
    Record {
        topic,
        partition: partition(id.as_bytes(), record.partitions),
        partitions: record.partitions,
        key: id.clone(),
        value: event.payload.to_vec(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}
