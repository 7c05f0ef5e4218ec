//! Writing a view: a batch of events becomes documents and a checkpoint, exactly once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use event_schemas::Envelope;
use kernel::{Change, Found, Projection};

use super::fold::{Heard, Stop, fold, fold_singly, hear};
use crate::ports::{Lease, LeaseError, Pen};

/// The lease of a view, and how far the view is.
pub(super) struct Writer {
    lease: Box<dyn Lease>,
    position: u64,
}

impl Writer {
    /// Begins where the view stands.
    pub(super) async fn new(mut lease: Box<dyn Lease>) -> Result<Self, LeaseError> {
        let position = lease.position().await?;
        Ok(Self { lease, position })
    }

    /// Every event up to here is in.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Sessions that write side by side. Only while nobody reads the view.
    pub(super) async fn pens(&mut self, count: usize) -> Result<Vec<Box<dyn Pen>>, LeaseError> {
        self.lease.pens(count).await
    }

    /// Folds events, which follow the checkpoint, into documents. If one of them cannot be folded, everything before it
    /// is written, and nothing of it or after it.
    pub(super) async fn apply(
        &mut self,
        view: &dyn Projection,
        events: &[Arc<Envelope>],
    ) -> Result<Option<Stop>, LeaseError> {
        self.write(view, events, hear(view, events)).await
    }

    /// The same with what was heard of them.
    pub(super) async fn write(
        &mut self,
        view: &dyn Projection,
        events: &[Arc<Envelope>],
        heard: Heard<'_>,
    ) -> Result<Option<Stop>, LeaseError> {
        let Some(last) = events.last() else {
            return Ok(None);
        };
        let keys = heard.keys;
        let found = self.documents(&keys).await?;
        let (changes, stop) = match fold(heard.batch, found) {
            Ok(changes) => (changes, heard.stop),
            Err(_) => {
                let found = self.documents(&keys).await?;
                let (changes, stop) = fold_singly(view, &events[..heard.count], found);
                (changes, stop.or(heard.stop))
            }
        };
        let to = stop
            .as_ref()
            .map_or(last.position, |stop| stop.position - 1);
        self.commit(to, &changes).await?;
        Ok(stop)
    }

    /// Moves the checkpoint over events that the view does not hear.
    pub(super) async fn pass_over(&mut self, to: u64) -> Result<(), LeaseError> {
        self.commit(to, &[]).await
    }

    pub(super) async fn note_stopped(&mut self, stop: Option<&Stop>) -> Result<(), LeaseError> {
        let stop = stop.map(|stop| (stop.position, &*stop.why));
        self.lease.note_stopped(stop).await
    }

    pub(super) async fn end(self) {
        self.lease.end().await;
    }

    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        self.lease.documents(keys).await
    }

    async fn commit(&mut self, to: u64, changes: &[Change]) -> Result<(), LeaseError> {
        if to == self.position && changes.is_empty() {
            return Ok(());
        }
        self.lease.commit(self.position, to, changes).await?;
        self.position = to;
        Ok(())
    }
}
