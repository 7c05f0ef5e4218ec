//! Reading events from the store, in batches of bounded size, of one history.

use std::sync::Arc;

use event_schemas::{Envelope, Source};

use super::FollowError;
use super::ring::size_of;
use crate::ports::{EventStore, StoreError};

/// A batch holds about so many bytes, however large its events are.
pub(super) const BATCH_BYTES: usize = 8 << 20;
/// Until the first batch tells, events are thought to be this large.
const FIRST_GUESS_BYTES: usize = BATCH_BYTES / 1_000;

/// Reads the events of the history that the store had when this was made.
pub(crate) struct StoreReader {
    store: Arc<dyn EventStore>,
    source: Source,
    /// Size of an event of the last batch.
    average: usize,
}

impl StoreReader {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Self {
            source: store.source(),
            store,
            average: FIRST_GUESS_BYTES,
        }
    }

    /// The events after a position, at most `most`; none where the store ends.
    pub(crate) async fn read(
        &mut self,
        after: u64,
        most: usize,
    ) -> Result<Vec<Arc<Envelope>>, FollowError> {
        let limit = (BATCH_BYTES / self.average.max(1)).clamp(1, most.max(1));
        let events = self.store.read(after, limit).await?;
        self.same_history()?;
        dense(after, &events)?;
        if !events.is_empty() {
            let bytes: usize = events.iter().map(size_of).sum();
            self.average = bytes / events.len();
        }
        Ok(events.into_iter().map(Arc::new).collect())
    }

    /// The history that the store has now.
    pub(crate) fn source_now(&self) -> Source {
        self.store.source()
    }

    /// An answer counts only if it is of the history that is followed: a restore may have been accepted in between.
    pub(crate) fn same_history(&self) -> Result<(), FollowError> {
        if self.store.source() == self.source {
            return Ok(());
        }
        Err(FollowError::Forked)
    }
}

/// Everything relies on positions without gaps; a store that has one is broken, and folding on would hide it.
fn dense(after: u64, events: &[Envelope]) -> Result<(), StoreError> {
    for (expected, event) in (after + 1..).zip(events) {
        if event.position != expected {
            let found = event.position;
            return Err(StoreError::Refused {
                what: format!("position {expected} is missing; {found} follows instead"),
                source: None,
            });
        }
    }
    Ok(())
}
