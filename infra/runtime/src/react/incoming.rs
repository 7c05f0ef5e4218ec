//! Reading a record: an event of this store's history, one of another history, or nothing of ours.

use event_schemas::Source;
use event_schemas::cloud_event::{ReadError, Reader, Received};
use uuid::Uuid;

use crate::partition::partition_of;
use crate::ports::LogRecord;

/// What a record turned out to be.
pub(super) enum Incoming {
    /// It claims to be an event of this store, in this incarnation.
    Event(Box<Received>),
    /// An event of this store in another incarnation: positions of the two are never compared.
    OtherHistory(Uuid),
    /// For the dead letters, and why.
    Dead(String),
}

/// Reads a record of a topic that belongs to `aggregate` and has so many partitions.
pub(super) fn read(
    reader: &mut Reader,
    record: &LogRecord,
    source: &Source,
    aggregate: &str,
    partitions: u32,
) -> Incoming {
    let read = reader.read(record.key.as_deref(), record.value.clone(), |name| {
        record.header(name)
    });
    let received = match read {
        Ok(received) => received,
        Err(error @ ReadError::Alien(_)) => return Incoming::Dead(error.to_string()),
        Err(ReadError::Malformed(fault)) => {
            return Incoming::Dead(format!("record of {} is malformed: {fault}", fault.claims));
        }
    };
    if received.source.store != source.store {
        return Incoming::Dead(format!("record is of another store: {}", received.source));
    }
    let told = &received.envelope;
    if *told.aggregate != *aggregate {
        return Incoming::Dead(format!(
            "event of {} stands in the topic of {aggregate}",
            told.aggregate
        ));
    }
    if partition_of(told.id.as_bytes(), partitions) != record.at.partition {
        return Incoming::Dead("record stands in a partition that is not its key's".to_owned());
    }
    if received.source.incarnation != source.incarnation {
        return Incoming::OtherHistory(received.source.incarnation);
    }
    Incoming::Event(Box::new(received))
}
