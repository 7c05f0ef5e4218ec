//! Entries to append, shortly.

use bytes::Bytes;
use jangbu_runtime::hash;
use jangbu_runtime::ports::{Appended, Appender, Entry, FastOutcome, NewEvent, Stream};
use uuid::Uuid;

/// A command that says one thing about a stock.
pub fn says(id: &str, version: u64) -> Entry {
    let command_id = Uuid::now_v7();
    let stream = Stream::new("stock", id);
    let mut event = NewEvent {
        stream: stream.clone(),
        sequence: version + 1,
        name: "StockReceived".into(),
        version: "1".into(),
        payload: Bytes::from_static(b"{\"quantity\":1}"),
        metadata: Bytes::from_static(b"{}"),
        event_id: Uuid::now_v7(),
        ordinal: 0,
        leaf: [0; 32],
    };
    event.leaf = hash::leaf_of(&event, command_id);
    Entry {
        command_id,
        stream,
        version,
        expected_version: None,
        events: vec![event],
        version_known: false,
    }
}

/// Appends what is known to fit.
pub async fn store(appender: &mut Box<dyn Appender>, batch: &[Entry]) -> Appended {
    match appender.append(batch).await.expect("an answer") {
        FastOutcome::Appended(appended) => appended,
        FastOutcome::Failed => panic!("the batch fits, but was refused"),
    }
}
