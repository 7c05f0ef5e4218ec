//! Writing a view: a batch of events becomes documents and a checkpoint, exactly once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use event_schemas::Envelope;
use futures::future::try_join_all;
use kernel::{Change, Found, Projection};

use super::fold::{Heard, Stop, fold, fold_singly, hear};
use crate::partition::partition_of;
use crate::ports::{Lease, LeaseError, Pen};

/// The lease of a view, with the pens under it while the view is built.
pub(super) struct Writer {
    lease: Box<dyn Lease>,
    pens: Vec<Box<dyn Pen>>,
    position: u64,
}

impl Writer {
    /// Begins where the view stands.
    pub(super) async fn new(mut lease: Box<dyn Lease>) -> Result<Self, LeaseError> {
        let position = lease.position().await?;
        Ok(Self {
            lease,
            pens: Vec::new(),
            position,
        })
    }

    /// The checkpoint.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// From now on several sessions write side by side. Only while nobody reads the view.
    pub(super) async fn take_pens(&mut self, count: usize) -> Result<(), LeaseError> {
        self.pens = self.lease.pens(count).await?;
        Ok(())
    }

    /// From now on the lease writes alone.
    pub(super) fn drop_pens(&mut self) {
        self.pens.clear();
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
        self.commit(to, changes).await?;
        Ok(stop)
    }

    /// Moves the checkpoint over events that the view does not hear.
    pub(super) async fn pass_over(&mut self, to: u64) -> Result<(), LeaseError> {
        self.commit(to, Vec::new()).await
    }

    pub(super) async fn note_stopped(&mut self, stop: Option<&Stop>) -> Result<(), LeaseError> {
        let stop = stop.map(|stop| (stop.position, &*stop.why));
        self.lease.note_stopped(stop).await
    }

    pub(super) async fn end(self) {
        drop(self.pens);
        self.lease.end().await;
    }

    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        if self.pens.is_empty() {
            return self.lease.documents(keys).await;
        }
        let shares = shares(keys.iter().cloned(), String::as_str, self.pens.len());
        let shares: Vec<BTreeSet<String>> = shares
            .into_iter()
            .map(|keys| keys.into_iter().collect())
            .collect();
        let asked = self.pens.iter_mut().zip(&shares);
        let found = try_join_all(asked.map(|(pen, keys)| pen.documents(keys))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn commit(&mut self, to: u64, changes: Vec<Change>) -> Result<(), LeaseError> {
        if to == self.position && changes.is_empty() {
            return Ok(());
        }
        if self.pens.is_empty() {
            self.lease.commit(self.position, to, &changes).await?;
        } else {
            // Dying between the pens and the checkpoint is harmless: each document bears the position it is at.
            let shares = shares(changes, |change| &change.key, self.pens.len());
            let written = self.pens.iter_mut().zip(&shares);
            try_join_all(written.map(|(pen, changes)| pen.write(changes))).await?;
            self.lease.commit(self.position, to, &[]).await?;
        }
        self.position = to;
        Ok(())
    }
}

/// Shares things out by key, always in the same way: one pen writes all there is to write of a document, in order.
fn shares<T>(
    things: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> &str,
    pens: usize,
) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..pens).map(|_| Vec::new()).collect();
    let count = u32::try_from(pens).expect("a handful of pens");
    for thing in things {
        let share = usize::try_from(partition_of(key(&thing).as_bytes(), count))
            .expect("a partition's number is not negative");
        shares[share].push(thing);
    }
    shares
}
