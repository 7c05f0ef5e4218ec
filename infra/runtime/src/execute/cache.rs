//! A worker's slots: a bounded cache of aggregates that never forgets one that is busy.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::slot::Slot;
use crate::ports::Stream;
use crate::system::Kind;

/// Slots by number; a number stays valid while its slot has flights.
pub(super) struct Cache {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_stream: HashMap<Stream, usize>,
    /// Second chance: the oldest goes if it was not used since it last came up.
    round: VecDeque<usize>,
    limit: usize,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_stream: HashMap::new(),
            round: VecDeque::new(),
            limit,
        }
    }

    /// The slot of an aggregate, made if there is none.
    pub(super) fn slot_of(&mut self, stream: &Stream, kind: &Arc<dyn Kind>) -> usize {
        if let Some(number) = self.by_stream.get(stream) {
            let number = *number;
            self.slot(number).used = true;
            return number;
        }
        self.make_room();
        let slot = Some(Slot::new(stream.clone(), Arc::clone(kind)));
        let number = match self.free.pop() {
            Some(number) => {
                self.slots[number] = slot;
                number
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.by_stream.insert(stream.clone(), number);
        self.round.push_back(number);
        number
    }

    pub(super) fn find(&self, stream: &Stream) -> Option<usize> {
        self.by_stream.get(stream).copied()
    }

    pub(super) fn slot(&mut self, number: usize) -> &mut Slot {
        self.slots[number]
            .as_mut()
            .expect("a slot with flights is never forgotten")
    }

    /// Every slot with its number.
    pub(super) fn all(&mut self) -> impl Iterator<Item = (usize, &mut Slot)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.filter_map(|(number, slot)| slot.as_mut().map(|slot| (number, slot)))
    }

    /// Whether there is a slot of that number still.
    pub(super) fn has(&self, number: usize) -> bool {
        self.slots.get(number).is_some_and(Option::is_some)
    }

    /// Forgets an old, idle slot where the limit is reached. Looks at few at a time: if all are busy the cache grows
    /// by one, bounded by the commands that may wait.
    fn make_room(&mut self) {
        const LOOKS: usize = 8;
        for _ in 0..LOOKS {
            if self.round.len() < self.limit {
                return;
            }
            let Some(number) = self.round.pop_front() else {
                return;
            };
            let slot = self.slot(number);
            if slot.used || !slot.is_idle() {
                slot.used = false;
                self.round.push_back(number);
                continue;
            }
            let stream = slot.stream.clone();
            self.by_stream.remove(&stream);
            self.slots[number] = None;
            self.free.push(number);
        }
    }
}
