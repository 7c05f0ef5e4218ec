//! What is in flight: a ring of slots in position order. The checkpoint follows its first unfinished one.

use std::collections::VecDeque;

/// Events that may be in flight. Twice what fills a broker's round trip at full rate; a rewind repeats at most these.
pub(super) const EVENTS: usize = 16_384;
/// And their bytes.
pub(super) const BYTES: usize = 32 * 1024 * 1024;

/// An event that was passed on, or found standing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) position: u64,
    pub(super) lane: usize,
    /// Of the event, for the lag; microseconds since 1970.
    pub(super) recorded_at: i64,
    bytes: usize,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waits,
    /// It is in the log; the offset after it, where that is known.
    Stands(Option<i64>),
}

/// The ring. A tag is a slot's number since the ring was made, so that a delivery finds its slot without a search.
#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    first: usize,
    bytes: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            slots: VecDeque::with_capacity(EVENTS),
            first: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= EVENTS || self.bytes >= BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The tag that [`Self::publish`] will give.
    pub(super) fn next_tag(&self) -> usize {
        self.first + self.slots.len()
    }

    /// An event was handed to the publisher under [`Self::next_tag`].
    pub(super) fn publish(&mut self, position: u64, lane: usize, recorded_at: i64, bytes: usize) {
        self.bytes += bytes;
        self.slots.push_back(Slot {
            position,
            lane,
            recorded_at,
            bytes,
            state: State::Waits,
        });
    }

    /// An event stands in the log already.
    pub(super) fn stands(
        &mut self,
        position: u64,
        lane: usize,
        recorded_at: i64,
        next: Option<i64>,
    ) {
        self.slots.push_back(Slot {
            position,
            lane,
            recorded_at,
            bytes: 0,
            state: State::Stands(next),
        });
    }

    /// The log took the event of a tag at an offset.
    pub(super) fn delivered(&mut self, tag: usize, offset: i64) {
        if let Some(slot) = tag
            .checked_sub(self.first)
            .and_then(|index| self.slots.get_mut(index))
        {
            slot.state = State::Stands(Some(offset + 1));
        }
    }

    /// The next event in order that is known to be in the log, and the offset after it.
    pub(super) fn pop(&mut self) -> Option<(Slot, Option<i64>)> {
        let slot = *self.slots.front()?;
        let State::Stands(next) = slot.state else {
            return None;
        };
        self.slots.pop_front();
        self.first += 1;
        self.bytes -= slot.bytes;
        Some((slot, next))
    }

    /// When the oldest event that is not known to be in the log was recorded.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.slots.front().map(|slot| slot.recorded_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_contiguous_leaves_the_window() {
        let mut window = Window::new();
        for position in 1..=3 {
            let tag = window.next_tag();
            assert_eq!(tag as u64, position - 1);
            window.publish(position, 0, 0, 10);
        }
        window.stands(4, 0, 0, None);
        window.delivered(1, 71);
        assert!(window.pop().is_none());
        window.delivered(0, 70);
        let (slot, next) = window.pop().unwrap();
        assert_eq!((slot.position, next), (1, Some(71)));
        assert_eq!(window.pop().unwrap().0.position, 2);
        assert!(window.pop().is_none());
        window.delivered(2, 72);
        assert_eq!(window.pop().unwrap().0.position, 3);
        assert_eq!(window.pop().unwrap().0.position, 4);
        assert!(window.is_empty());
        assert_eq!(window.next_tag(), 4);
    }

    #[test]
    fn bytes_fill_it_as_well() {
        let mut window = Window::new();
        window.publish(1, 0, 0, BYTES);
        assert!(window.is_full());
        window.delivered(0, 0);
        window.pop();
        assert!(!window.is_full());
    }
}
