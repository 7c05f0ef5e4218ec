//! What a build works on: documents stay in memory while their events pass, so that what changes often is written once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures::future::try_join_all;
use kernel::{Change, Found};
use tokio::time::Instant;

use crate::partition::partition_of;
use crate::ports::{LeaseError, Pen};

/// It is cleared away at about so many bytes of documents.
const BYTES: usize = 64 << 20;
/// And after so long, so that others see how far the build is.
const CLEARED_EVERY: Duration = Duration::from_secs(1);
/// Documents written at once: a statement has a deadline.
const CHANGES: usize = 5_000;
/// What a document takes beside its own bytes, roughly.
const FIXED_BYTES: usize = 256;

/// Documents that a build has in hand, and the pens it writes them with.
pub(super) struct Desk {
    pens: Vec<Box<dyn Pen>>,
    /// As they are by now. What was read and not changed is among them.
    documents: HashMap<String, Found>,
    /// What is to be written; in order, so that a seed reproduces a run.
    changes: BTreeMap<String, Change>,
    bytes: usize,
    most_positions: u64,
    cleared_at: Instant,
}

impl Desk {
    /// A desk that is cleared away at the latest after so many positions: so much is folded again after a crash.
    pub(super) fn new(pens: Vec<Box<dyn Pen>>, most_positions: u64) -> Self {
        Self {
            pens,
            most_positions,
            cleared_at: Instant::now(),
            documents: HashMap::new(),
            changes: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Documents by key; what is not here is read, each key by the pen that writes it.
    pub(super) async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            match self.documents.get(key) {
                Some(document) => drop(found.insert(key.clone(), document.clone())),
                None => missing.push(key.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let shares = shares(missing, String::as_str, self.pens.len());
        let shares: Vec<BTreeSet<String>> = shares
            .into_iter()
            .map(|keys| keys.into_iter().collect())
            .collect();
        let asked = self.pens.iter_mut().zip(&shares);
        let read = try_join_all(asked.map(|(pen, keys)| pen.documents(keys))).await?;
        for (key, document) in read.into_iter().flatten() {
            self.keep(key.clone(), document.clone());
            found.insert(key, document);
        }
        Ok(found)
    }

    /// Documents as they are to stand.
    pub(super) fn take(&mut self, changes: Vec<Change>) {
        for change in changes {
            let now = Found {
                position: change.position,
                document: change.document.clone(),
            };
            self.keep(change.key.clone(), now);
            self.changes.insert(change.key.clone(), change);
        }
    }

    fn keep(&mut self, key: String, document: Found) {
        let size = |found: &Found| found.document.as_ref().map_or(0, Vec::len);
        let fixed = key.len() + FIXED_BYTES;
        self.bytes += size(&document);
        match self.documents.insert(key, document) {
            Some(before) => self.bytes -= size(&before),
            None => self.bytes += fixed,
        }
    }

    /// Whether it is time to clear it away, so many positions after it last was.
    pub(super) fn is_full(&self, positions: u64) -> bool {
        self.bytes >= BYTES
            || positions >= self.most_positions
            || self.cleared_at.elapsed() >= CLEARED_EVERY
    }

    /// Writes what changed, and has nothing in hand any more. Dying between the pens is harmless: each document bears the
    /// position it is at.
    pub(super) async fn clear_away(&mut self) -> Result<(), LeaseError> {
        self.documents.clear();
        self.bytes = 0;
        self.cleared_at = Instant::now();
        let changes = std::mem::take(&mut self.changes).into_values();
        let shares = shares(changes, |change| &change.key, self.pens.len());
        let written = self.pens.iter_mut().zip(&shares);
        try_join_all(written.map(|(pen, changes)| write(&mut **pen, changes))).await?;
        Ok(())
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
