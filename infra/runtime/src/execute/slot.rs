//! A slot: one aggregate in a worker's cache, and the commands that wait for it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use super::speculation::Speculation;
use crate::ports::{Stream, Turn};
use crate::system::{Instance, Kind};

/// What a slot can do just now.
pub(super) enum Phase {
    /// Nothing is in memory.
    Cold,
    /// It is being loaded, or waits for its turn, or a decision of it waits for something outside.
    Away,
    /// The state is in memory and may decide.
    Ready(Box<dyn Instance>),
    /// Its speculation was wrong: nothing is decided until everything handed over has come back.
    Recalling,
}

/// A turn at a contended aggregate: one batch, then it goes to somebody else.
pub(super) struct HeldTurn {
    /// None: it did not come in time, and this batch goes without.
    pub(super) turn: Option<Box<dyn Turn>>,
    /// Its batch was decided.
    pub(super) spent: bool,
}

/// One aggregate of a worker.
pub(super) struct Slot {
    pub(super) stream: Stream,
    pub(super) kind: Arc<dyn Kind>,
    pub(super) phase: Phase,
    /// Version of the state in memory, counting what is handed over.
    pub(super) version: u64,
    pub(super) speculation: Speculation,
    /// The speculation number when the state was loaded; every decision on it bears this one, and counts only while
    /// it is still the number.
    pub(super) number: u64,
    /// The store has confirmed the version that the next decision rests on, or will have by the time it arrives.
    pub(super) version_known: bool,
    /// The state is a blank one that was not loaded, and nothing decided on it has been stored yet.
    pub(super) is_assumed: bool,
    /// Such a state was wrong, or another one: nothing is assumed before it is loaded.
    pub(super) must_load: bool,
    /// Commands that are not decided yet, in order, each with its arrival: an id may come again after its flight ended.
    pub(super) queue: VecDeque<(u64, Uuid)>,
    /// How many entries are with the batcher.
    pub(super) out: usize,
    /// Commands that came back undecided, waiting for the rest.
    pub(super) returned: Vec<(u64, Uuid)>,
    /// Flights of this aggregate, bounded.
    pub(super) flights: usize,
    /// Another process fights for it until then: decide only in turn.
    pub(super) contended_until: Option<Instant>,
    /// The turn that is held from the load to the batch's answer.
    pub(super) turn: Option<HeldTurn>,
    /// Used since the cache last looked.
    pub(super) used: bool,
    /// Version and size in bytes of the last snapshot.
    pub(super) snapshot: (u64, u64),
}

impl Slot {
    pub(super) fn new(stream: Stream, kind: Arc<dyn Kind>) -> Self {
        Self {
            stream,
            kind,
            phase: Phase::Cold,
            version: 0,
            speculation: Speculation::new(),
            number: 0,
            version_known: false,
            is_assumed: false,
            must_load: false,
            queue: VecDeque::new(),
            out: 0,
            returned: Vec::new(),
            flights: 0,
            contended_until: None,
            turn: None,
            used: true,
            snapshot: (0, 0),
        }
    }

    /// Nothing refers to it: it may be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.flights == 0
            && self.out == 0
            && self.turn.is_none()
            && !matches!(self.phase, Phase::Away)
    }

    pub(super) fn is_contended(&self, now: Instant) -> bool {
        self.contended_until.is_some_and(|until| now < until)
    }

    /// Everything handed over has come back: what came back undecided goes first again, in arrival order.
    pub(super) fn take_back(&mut self) {
        self.returned.sort_unstable();
        for waiting in self.returned.drain(..).rev() {
            self.queue.push_front(waiting);
        }
        self.phase = Phase::Cold;
        self.is_assumed = false;
        self.must_load = true;
    }

    /// Drops the state; it is loaded again when it is next needed and nothing is out.
    pub(super) fn forget_state(&mut self) {
        self.version_known = false;
        if !matches!(self.phase, Phase::Away) {
            self.phase = Phase::Recalling;
        }
    }
}
