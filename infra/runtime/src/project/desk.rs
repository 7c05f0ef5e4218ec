//! What a build works on: documents stay at hand while their events pass, so that what changes often is written once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use futures::future::try_join_all;
use kernel::{Batch, Change, Found, Projection};
use tokio::time::Instant;

use super::fold::{hear_all, take_in};
use super::write::Writer;
use crate::partition::partition_of;
use crate::ports::{LeaseError, Pen};

/// It is cleared away when so many documents are at hand.
const DOCUMENTS: usize = 50_000;
/// And after so long, so that others see how far the build is.
const CLEARED_EVERY: Duration = Duration::from_secs(1);
/// Documents written at once: a statement has a deadline.
const CHANGES: usize = 5_000;

/// Documents that a build has in hand, and the pens it writes them with.
pub(super) struct Desk<'v> {
    view: &'v dyn Projection,
    pens: Vec<Box<dyn Pen>>,
    batch: Box<dyn Batch + 'v>,
    most_positions: u64,
    position: u64,
    cleared_at: Instant,
}

/// How events were taken in.
pub(super) enum Taken {
    /// All of them.
    All,
    /// One cannot be read or folded. Nothing since the desk was last cleared away counts.
    NotAll,
}

impl<'v> Desk<'v> {
    /// A desk that is cleared away at the latest after so many positions: so much is folded again after a crash.
    pub(super) fn new(
        view: &'v dyn Projection,
        pens: Vec<Box<dyn Pen>>,
        position: u64,
        most_positions: u64,
    ) -> Self {
        Self {
            view,
            pens,
            batch: view.batch(),
            most_positions,
            position,
            cleared_at: Instant::now(),
        }
    }

    /// Every event up to here is in.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Takes events in; now and then what changed is written, and the writer moves on to where the desk is.
    pub(super) async fn take(
        &mut self,
        events: &[Arc<Envelope>],
        writer: &mut Writer,
    ) -> Result<Taken, LeaseError> {
        let Some(last) = events.last() else {
            return Ok(Taken::All);
        };
        if hear_all(&mut *self.batch, events).is_err() {
            return Ok(Taken::NotAll);
        }
        let found = self.read(self.batch.keys()).await?;
        if take_in(&mut *self.batch, found).is_err() {
            return Ok(Taken::NotAll);
        }
        self.position = last.position;
        let is_full = self.batch.at_hand() >= DOCUMENTS
            || self.position - writer.position() >= self.most_positions
            || self.cleared_at.elapsed() >= CLEARED_EVERY;
        if is_full {
            return self.clear_away(writer).await;
        }
        Ok(Taken::All)
    }

    /// Writes what changed, then the checkpoint, and has nothing at hand any more. Dying between the pens is harmless:
    /// each document bears the position it is at.
    pub(super) async fn clear_away(&mut self, writer: &mut Writer) -> Result<Taken, LeaseError> {
        let batch = std::mem::replace(&mut self.batch, self.view.batch());
        let Ok(changes) = batch.changes() else {
            return Ok(Taken::NotAll);
        };
        let shares = shares(changes, |change| &change.key, self.pens.len());
        let written = self.pens.iter_mut().zip(&shares);
        try_join_all(written.map(|(pen, changes)| write(&mut **pen, changes))).await?;
        writer.pass_over(self.position).await?;
        self.cleared_at = Instant::now();
        Ok(Taken::All)
    }

    /// Reads documents, each by the pen that writes it.
    async fn read(&mut self, keys: BTreeSet<String>) -> Result<HashMap<String, Found>, LeaseError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let shares = shares(keys, String::as_str, self.pens.len());
        let shares: Vec<BTreeSet<String>> = shares
            .into_iter()
            .map(|keys| keys.into_iter().collect())
            .collect();
        let asked = self.pens.iter_mut().zip(&shares);
        let read = try_join_all(asked.map(|(pen, keys)| pen.documents(keys))).await?;
        Ok(read.into_iter().flatten().collect())
    }
}

async fn write(pen: &mut dyn Pen, changes: &[Change]) -> Result<(), LeaseError> {
    for some in changes.chunks(CHANGES) {
        pen.write(some).await?;
    }
    Ok(())
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
