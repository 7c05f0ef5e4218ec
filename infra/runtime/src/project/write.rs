//! Writing a view: a batch of events becomes documents and a checkpoint, exactly once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use event_schemas::Envelope;
use kernel::{Change, Found, Projection};

use super::desk::Desk;
use super::fold::{Heard, Stop, fold, fold_singly, hear};
use crate::ports::{Lease, LeaseError};

/// The lease of a view, with a desk beside it while the view is built.
pub(super) struct Writer {
    lease: Box<dyn Lease>,
    desk: Option<Desk>,
    position: u64,
    /// The checkpoint that is stored; behind `position` by what lies on the desk.
    stored: u64,
}

impl Writer {
    /// Begins where the view stands.
    pub(super) async fn new(mut lease: Box<dyn Lease>) -> Result<Self, LeaseError> {
        let position = lease.position().await?;
        Ok(Self {
            lease,
            desk: None,
            position,
            stored: position,
        })
    }

    /// Every event up to here is in.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// From now on several sessions write side by side, and not after every batch. Only while nobody reads the view.
    pub(super) async fn take_desk(
        &mut self,
        pens: usize,
        most_positions: u64,
    ) -> Result<(), LeaseError> {
        let pens = self.lease.pens(pens).await?;
        if !pens.is_empty() {
            self.desk = Some(Desk::new(pens, most_positions));
        }
        Ok(())
    }

    /// From now on the lease writes alone, and at once.
    pub(super) async fn leave_desk(&mut self) -> Result<(), LeaseError> {
        self.clear_away().await?;
        self.desk = None;
        Ok(())
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
        if stop.is_some() {
            self.clear_away().await?;
        }
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
        drop(self.desk);
        self.lease.end().await;
    }

    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        match &mut self.desk {
            Some(desk) => desk.documents(keys).await,
            None => self.lease.documents(keys).await,
        }
    }

    async fn commit(&mut self, to: u64, changes: Vec<Change>) -> Result<(), LeaseError> {
        if to == self.position && changes.is_empty() {
            return Ok(());
        }
        let Some(desk) = &mut self.desk else {
            self.lease.commit(self.stored, to, &changes).await?;
            (self.position, self.stored) = (to, to);
            return Ok(());
        };
        desk.take(changes);
        self.position = to;
        if desk.is_full(to - self.stored) {
            self.clear_away().await?;
        }
        Ok(())
    }

    /// What lies on the desk is written, then the checkpoint.
    async fn clear_away(&mut self) -> Result<(), LeaseError> {
        let Some(desk) = &mut self.desk else {
            return Ok(());
        };
        desk.clear_away().await?;
        if self.position > self.stored {
            self.lease.commit(self.stored, self.position, &[]).await?;
            self.stored = self.position;
        }
        Ok(())
    }
}
