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

/// What a new connection is to ask for: the witness, as of an incarnation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) witness: Option<Witness>,
    incarnation: i32,
}

/// What it found.
pub(crate) struct Found {
    pub(crate) source: Source,
    /// The incarnation's number.
    pub(crate) incarnation: i32,
    /// The event at the witness's position.
    pub(crate) event_id: Option<Uuid>,
    /// The newest event there is: what the next connection must find.
    pub(crate) newest: Option<Witness>,
}

/// Whether answers of the new connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Stands,
    /// Something else was found meanwhile; the question is to be asked anew.
    AskAgain,
}

pub(crate) struct Known {
    inner: Mutex<Inner>,
    arrivals: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    /// None before the first connection.
    source: Option<Source>,
    incarnation: i32,
    witness: Option<Witness>,
    fallen: Option<Witness>,
}

impl Inner {
    /// What is known of a history on first seeing it.
    fn of(found: Found) -> Self {
        Self {
            source: Some(found.source),
            incarnation: found.incarnation,
            witness: found.newest,
            fallen: None,
        }
    }
}

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::default(),
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

    /// Which history it is, as of the last connection.
    pub(crate) fn incarnation(&self) -> Option<Uuid> {
        let inner = self.inner();
        inner.source.as_ref().map(|source| source.incarnation)
    }

    /// What a new connection must find.
    pub(crate) fn ask(&self) -> Asked {
        let inner = self.inner();
        Asked {
            witness: inner.witness,
            incarnation: inner.incarnation,
        }
    }

    /// Judges what a new connection found.
    pub(crate) fn found(&self, asked: Asked, found: Found) -> Result<Standing, StoreError> {
        let mut inner = self.inner();
        if asked.incarnation != inner.incarnation {
            return Ok(Standing::AskAgain);
        }
        if found.incarnation > inner.incarnation {
            // The first connection; or somebody accepted a forked history: begin anew with it.
            *inner = Inner::of(found);
            drop(inner);
            self.arrivals.send_replace(0);
            return Ok(Standing::AskAgain);
        }
        if let Some(witness) = asked.witness
            && found.event_id != Some(witness.event_id)
        {
            inner.fallen = Some(witness);
        }
        if found.incarnation < inner.incarnation && inner.fallen.is_none() {
            // An older backup than the last fork, and nothing we were told of it is gone: it is our store again.
            *inner = Inner::of(found);
        }
        inner
            .fallen
            .map_or(Ok(Standing::Stands), |witness| Err(witness.fallen()))
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
