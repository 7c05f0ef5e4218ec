//! Entries to append, in words.

use bytes::Bytes;
use event_schemas::Envelope;
use uuid::Uuid;

use crate::hash;
use crate::ports::{
    Appended, Appender, Entry, EventStore, FastOutcome, Judged, NewEvent, Stream, Verdict,
};

pub(super) fn stock(id: &str) -> Stream {
    Stream::new("stock", id)
}

/// A command on `stream` as it stood at `version`, with that many events to say.
pub(super) fn says(stream: &Stream, version: u64, amount: u64) -> Entry {
    let mut entry = check(stream, version);
    for nth in 1..=amount {
        let payload = format!("{{\"n\": {},  \"said\":\"곡물\"}}", version + nth);
        add(
            &mut entry,
            stream.clone(),
            version + nth,
            "StockReceived",
            payload.as_bytes(),
        );
    }
    entry
}

/// A command that changed nothing, and leaves that as its fact.
pub(super) fn changes_nothing(stream: &Stream, version: u64) -> Entry {
    let mut entry = check(stream, version);
    let fact = Stream::new("command", entry.command_id.to_string());
    add(&mut entry, fact, 1, "CommandChangedNothing", b"{}");
    entry
}

/// A command that leaves nothing; only what it saw is to be confirmed.
pub(super) fn check(stream: &Stream, version: u64) -> Entry {
    Entry {
        command_id: Uuid::now_v7(),
        stream: stream.clone(),
        version,
        expected_version: None,
        events: Vec::new(),
        version_known: false,
    }
}

/// One event that says exactly this.
pub(super) fn says_json(stream: &Stream, version: u64, payload: &[u8]) -> Entry {
    let mut entry = check(stream, version);
    add(
        &mut entry,
        stream.clone(),
        version + 1,
        "StockReceived",
        payload,
    );
    entry
}

pub(super) fn add(
    entry: &mut Entry,
    stream: Stream,
    sequence: u64,
    name: &'static str,
    payload: &[u8],
) {
    let metadata = format!(
        "{{\"actor\":\"{}\",\"correlation_id\":\"of {}\"}}",
        entry.stream.id, entry.command_id
    );
    let mut event = NewEvent {
        stream,
        sequence,
        name: name.into(),
        version: "1".into(),
        payload: Bytes::copy_from_slice(payload),
        metadata: if entry.stream.id.contains('\0') {
            Bytes::from_static(b"{}")
        } else {
            metadata.into()
        },
        event_id: Uuid::now_v7(),
        ordinal: u32::try_from(entry.events.len()).expect("few events"),
        leaf: [0; 32],
    };
    event.leaf = hash::leaf_of(&event, entry.command_id);
    entry.events.push(event);
}

/// The same command, asked again for the same thing.
pub(super) fn again(first: &Entry, stream: &Stream, version: u64) -> Entry {
    let mut entry = says(stream, version, 1);
    entry.command_id = first.command_id;
    for event in &mut entry.events {
        event.leaf = hash::leaf_of(event, first.command_id);
    }
    entry
}

pub(super) fn expecting(mut entry: Entry, version: u64) -> Entry {
    entry.expected_version = Some(version);
    entry
}

pub(super) fn knowing(mut entry: Entry) -> Entry {
    entry.version_known = true;
    entry
}

pub(super) async fn appender(store: &dyn EventStore) -> Box<dyn Appender> {
    store.appender().await.expect("an appender")
}

/// Appends what is known to fit.
pub(super) async fn store(appender: &mut Box<dyn Appender>, batch: &[Entry]) -> Appended {
    match appender.append(batch).await.expect("an answer") {
        FastOutcome::Appended(appended) => appended,
        FastOutcome::Failed => panic!("the batch fits, but was refused"),
    }
}

pub(super) async fn is_refused(appender: &mut Box<dyn Appender>, batch: &[Entry]) -> bool {
    appender.append(batch).await.expect("an answer") == FastOutcome::Failed
}

pub(super) async fn judge(appender: &mut Box<dyn Appender>, batch: &[Entry]) -> Judged {
    let judged = appender.append_checked(batch).await.expect("an answer");
    assert_eq!(judged.verdicts.len(), batch.len(), "one verdict per entry");
    judged
}

pub(super) async fn verdict(appender: &mut Box<dyn Appender>, entry: Entry) -> Verdict {
    judge(appender, &[entry]).await.verdicts.remove(0)
}

/// Everything there is, read in one go.
pub(super) async fn everything(store: &dyn EventStore) -> Vec<Envelope> {
    store.read(0, 10_000).await.expect("an answer")
}

/// What was stored of an entry must be what was given, at these positions.
pub(super) fn assert_stored(entry: &Entry, stored: &[Envelope]) {
    assert_eq!(entry.events.len(), stored.len());
    for (given, stored) in entry.events.iter().zip(stored) {
        assert_eq!(
            (&*stored.aggregate, &stored.id[..]),
            (&*given.stream.aggregate, &*given.stream.id)
        );
        assert_eq!(
            (stored.sequence, stored.event_id),
            (given.sequence, given.event_id)
        );
        assert_eq!(
            (&*stored.name, &*stored.version),
            (&*given.name, &*given.version)
        );
        assert_eq!(
            (&stored.payload, &stored.metadata),
            (&given.payload, &given.metadata),
            "byte for byte"
        );
        assert_eq!(
            (stored.command_id, stored.command_ordinal),
            (entry.command_id, given.ordinal)
        );
        assert_eq!(hash::leaf_of_stored(stored), given.leaf);
    }
}
