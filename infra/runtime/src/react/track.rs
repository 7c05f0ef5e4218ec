//! What of a partition is done: progress moves only over events that are finished, in the order they were read.

use std::collections::VecDeque;

/// The records of one partition that are being worked on, oldest first.
#[derive(Debug)]
pub(super) struct Track {
    done: Reached,
    /// The number of the oldest record in `open`.
    oldest: u64,
    open: VecDeque<(Reached, bool)>,
}

/// A place in a partition: everything up to this position is done, and reading goes on at this offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) position: u64,
    pub(super) offset: i64,
}

impl Track {
    pub(super) fn new(done: Reached) -> Self {
        Self {
            done,
            oldest: 0,
            open: VecDeque::new(),
        }
    }

    /// Takes a record up; the number it gets is told to [`Track::finish`]. Once it and all before it are done, this is
    /// how far the partition came.
    pub(super) fn take_up(&mut self, reaches: Reached) -> u64 {
        self.open.push_back((reaches, false));
        self.oldest + self.open.len() as u64 - 1
    }

    /// A record is done. How many records progress moved over.
    pub(super) fn finish(&mut self, number: u64) -> usize {
        let index = number.checked_sub(self.oldest).map(usize::try_from);
        if let Some(Ok(index)) = index
            && let Some((_, is_done)) = self.open.get_mut(index)
        {
            *is_done = true;
        }
        let mut moved = 0;
        while let Some(&(reached, true)) = self.open.front() {
            self.done = reached;
            self.open.pop_front();
            self.oldest += 1;
            moved += 1;
        }
        moved
    }

    /// A record that wants nothing done.
    pub(super) fn pass(&mut self, reaches: Reached) -> usize {
        let number = self.take_up(reaches);
        self.finish(number)
    }

    /// How far the partition came.
    pub(super) fn done(&self) -> Reached {
        self.done
    }

    /// The offset after the newest record that was taken up.
    pub(super) fn read_to(&self) -> i64 {
        self.open.back().map_or(self.done, |(last, _)| *last).offset
    }

    /// How many records wait for an older one, or are not done.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(position: u64) -> Reached {
        Reached {
            position,
            offset: i64::try_from(position).unwrap() + 100,
        }
    }

    #[test]
    fn progress_waits_for_the_oldest_and_then_moves_over_all_that_are_done() {
        let mut track = Track::new(reach(0));
        let numbers: Vec<_> = [3, 5, 8].map(|p| track.take_up(reach(p))).into();
        assert_eq!(track.finish(numbers[1]), 0);
        assert_eq!(track.done(), reach(0));
        assert_eq!(track.finish(numbers[0]), 2);
        assert_eq!(track.done(), reach(5));
        assert_eq!(track.finish(numbers[2]), 1);
        assert_eq!((track.done(), track.len()), (reach(8), 0));
    }

    #[test]
    fn finishing_twice_changes_nothing() {
        let mut track = Track::new(reach(0));
        let first = track.take_up(reach(1));
        track.take_up(reach(2));
        track.finish(first);
        assert_eq!(track.finish(first), 0);
        assert_eq!(track.done(), reach(1));
    }

    #[test]
    fn a_record_that_wants_nothing_is_passed_in_its_turn() {
        let mut track = Track::new(reach(0));
        let first = track.take_up(reach(1));
        assert_eq!(track.pass(reach(2)), 0);
        assert_eq!(track.read_to(), 102);
        assert_eq!(track.finish(first), 2);
    }
}
