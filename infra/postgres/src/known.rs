//! What this process was told: the newest event, the incarnation, and how far arrivals have come.
//!
//! Every new connection must find the newest event still standing before its answers are used. If it does not stand,
//! history was restored under us, and every answer is refused until a new incarnation is made.

use std::sync::{Mutex, MutexGuard, PoisonError};

use event_schemas::Source;
use jangbu_runtime::ports::{Arrivals, StoreError};
use tokio::sync::watch;
use uuid::Uuid;

/// An event that we know to stand at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    pub(crate) position: u64,
    pub(crate) event_id: Uuid,
}

impl Witness {
    fn fallen(self) -> StoreError {
        StoreError::Forked {
            position: self.position,
            event_id: self.event_id,
        }
    }
}

pub(crate) struct Known {
    inner: Mutex<Inner>,
    arrivals: watch::Sender<u64>,
}

struct Inner {
    /// None before the first connection.
    source: Option<Source>,
    witness: Option<Witness>,
    fallen: Option<Witness>,
}

impl Known {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            source: None,
            witness: None,
            fallen: None,
        };
        Self {
            inner: Mutex::new(inner),
            arrivals: watch::Sender::new(0),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Store and incarnation as of the last connection.
    pub(crate) fn source(&self) -> Option<Source> {
        self.inner().source.clone()
    }

    /// The event that a new connection must find.
    pub(crate) fn witness(&self) -> Option<Witness> {
        self.inner().witness
    }

    /// What a new connection found: the incarnation, and the event at the witness's position.
    pub(crate) fn found(
        &self,
        source: Source,
        asked: Option<Witness>,
        event_id: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if inner.source.as_ref() != Some(&source) {
            // The first connection; or somebody accepted a forked history: begin anew with it.
            *inner = Inner {
                source: Some(source),
                witness: None,
                fallen: None,
            };
            drop(inner);
            self.arrivals.send_replace(0);
            return Ok(());
        }
        if let Some(asked) = asked
            && event_id != Some(asked.event_id)
        {
            inner.fallen = Some(asked);
        }
        inner.fallen.map_or(Ok(()), |witness| Err(witness.fallen()))
    }

    /// Refuses every answer once a witness has fallen.
    pub(crate) fn stands(&self) -> Result<(), StoreError> {
        self.inner()
            .fallen
            .map_or(Ok(()), |witness| Err(witness.fallen()))
    }

    /// The store told us of an event.
    pub(crate) fn told(&self, position: u64, event_id: Uuid) {
        let mut inner = self.inner();
        if inner
            .witness
            .is_none_or(|newest| newest.position < position)
        {
            inner.witness = Some(Witness { position, event_id });
        }
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        self.arrivals.subscribe()
    }

    /// Somebody heard that the store reaches to a position. True if that is news.
    pub(crate) fn arrived(&self, position: u64) -> bool {
        self.arrivals.send_if_modified(|newest| {
            let rises = *newest < position;
            *newest = position.max(*newest);
            rises
        })
    }
}
