//! Puts records of many partitions back into one order. Bounded: what does not fit is read from the store later.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use event_schemas::Envelope;

use super::ring::size_of;

/// Records further ahead of the next position than this are not kept: partitions are never that far apart in live
/// traffic, and a forged position must not hold memory.
const SPAN: u64 = 32_768;
/// At most so many bytes wait for their turn.
const BYTES: usize = 64 << 20;

/// Records that wait for those before them.
#[derive(Default)]
pub(super) struct Reorder {
    held: BTreeMap<u64, Held>,
    bytes: usize,
}

enum Held {
    One(Arc<Envelope>),
    /// Two different events claimed this position: only the store knows.
    Doubtful,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It waits for its turn.
    Held,
    /// It was here already.
    Duplicate,
    /// Another event claims its position.
    Contradiction,
    /// There is no room for it.
    TooFar,
}

impl Reorder {
    /// Takes a record beyond `last`, the newest position that was handed out.
    pub(super) fn insert(&mut self, last: u64, event: Envelope) -> Kept {
        let next = event.position == last + 1;
        let size = size_of(&event);
        if event.position > last + SPAN || (self.bytes + size > BYTES && !next) {
            return Kept::TooFar;
        }
        match self.held.entry(event.position) {
            Entry::Vacant(room) => {
                room.insert(Held::One(Arc::new(event)));
                self.bytes += size;
                Kept::Held
            }
            Entry::Occupied(mut taken) => match taken.get() {
                // Sent twice: everything that a view can see is equal.
                Held::One(other) if **other == event => Kept::Duplicate,
                Held::One(other) => {
                    self.bytes -= size_of(other);
                    taken.insert(Held::Doubtful);
                    Kept::Contradiction
                }
                Held::Doubtful => Kept::Contradiction,
            },
        }
    }

    /// The events that follow `last` without a gap, at most `most`.
    pub(super) fn run(&self, last: u64, most: usize) -> Vec<Arc<Envelope>> {
        (last + 1..)
            .zip(self.held.range(last + 1..))
            .take(most)
            .map_while(|(expected, (position, held))| match held {
                Held::One(event) if *position == expected => Some(Arc::clone(event)),
                _ => None,
            })
            .collect()
    }

    /// True if the position after `last` is claimed by different events.
    pub(super) fn is_doubtful(&self, last: u64) -> bool {
        matches!(self.held.get(&(last + 1)), Some(Held::Doubtful))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Drops what has been handed out.
    pub(super) fn drop_through(&mut self, last: u64) {
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= last
        {
            if let Held::One(event) = entry.remove() {
                self.bytes -= size_of(&event);
            }
        }
    }

    /// Drops all; says how many there were.
    pub(super) fn clear(&mut self) -> usize {
        let count = self.held.len();
        *self = Self::default();
        count
    }
}
