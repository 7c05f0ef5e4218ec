//! Snapshots: written outside the hot path. Losing one loses nothing but time, so a full queue drops it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::ports::{EventStore, NewSnapshot};

/// Snapshots that may wait to be written.
const WAITING: usize = 256;

pub(super) type Snapshots = mpsc::Sender<NewSnapshot>;

pub(super) struct SnapshotWriter {
    store: Arc<dyn EventStore>,
    inbox: mpsc::Receiver<NewSnapshot>,
}

impl SnapshotWriter {
    pub(super) fn new(store: Arc<dyn EventStore>) -> (Snapshots, Self) {
        let (sender, inbox) = mpsc::channel(WAITING);
        (sender, Self { store, inbox })
    }

    pub(super) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.inbox.recv_many(&mut batch, WAITING).await > 0 {
            if let Err(error) = self.store.save_snapshots(std::mem::take(&mut batch)).await {
                tracing::warn!(%error, "snapshots were not saved; aggregates will load from older ones");
            }
        }
    }
}
