//! What the rules need of an adapter besides the port, and small helpers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::hash;
use crate::ports::{Entry, EventStore, FastOutcome, Leadership, NewEvent, RelayLedger, Stream};

const WITHIN: Duration = Duration::from_secs(30);

/// A fresh store and its ledger, as two processes see it.
#[async_trait]
pub trait LedgerBench: Send + Sync {
    /// The ledger, as one process has it.
    fn one(&self) -> Arc<dyn RelayLedger>;
    /// And as another has it.
    fn other(&self) -> Arc<dyn RelayLedger>;
    /// The store, to put events into.
    fn store(&self) -> Arc<dyn EventStore>;
    /// Breaks the leader's session behind its back.
    async fn break_the_leader(&self);
}

/// Leads, as soon as it can be had.
pub(super) async fn lead(ledger: &dyn RelayLedger) -> Box<dyn Leadership> {
    let deadline = Instant::now() + WITHIN;
    loop {
        // A session that ended may keep its lock for a moment.
        if let Some(leadership) = ledger.lead().await.unwrap() {
            return leadership;
        }
        assert!(
            Instant::now() < deadline,
            "leadership was not to be had within {WITHIN:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Stores so many events, one at a time; their ids.
pub(super) async fn append(store: &dyn EventStore, count: u64) -> Vec<Uuid> {
    let mut appender = store.appender().await.unwrap();
    let stream = Stream::new("stock", Uuid::now_v7().to_string());
    let mut ids = Vec::new();
    for version in 0..count {
        let command_id = Uuid::now_v7();
        let mut event = NewEvent {
            stream: stream.clone(),
            sequence: version + 1,
            name: "StockReceived".into(),
            version: "1".into(),
            payload: Bytes::from(format!("{{\"n\":  {version}}}")),
            metadata: Bytes::from_static(b"{\"actor\":\"somebody\"}"),
            event_id: Uuid::now_v7(),
            ordinal: 0,
            leaf: [0; 32],
        };
        event.leaf = hash::leaf_of(&event, command_id);
        ids.push(event.event_id);
        let events = vec![event];
        let stream = stream.clone();
        let entry = Entry {
            command_id,
            stream,
            version,
            expected_version: None,
            events,
            version_known: false,
        };
        assert!(matches!(
            appender.append(&[entry]).await.unwrap(),
            FastOutcome::Appended(_)
        ));
    }
    ids
}
