//! A partition that is ours for a while: how far it was read, and what its next record may be.

use std::collections::VecDeque;

use event_schemas::EventType;
use tokio::time::Instant;
use uuid::Uuid;

use super::track::{Reached, Track};
use crate::ports::LogRecord;

/// Records that may wait for an answer of the store before reading pauses.
const INBOX: usize = 1_000;

/// One assigned partition.
pub(super) struct Partition {
    /// Which assignment this is: answers to questions of an earlier one come too late.
    pub(super) term: u64,
    /// The aggregate whose topic it is.
    pub(super) aggregate: &'static str,
    /// Every event that this binary knows of that aggregate.
    pub(super) known: &'static [EventType],
    /// How many partitions the topic has.
    pub(super) of: u32,
    pub(super) phase: Phase,
    /// Per policy: every event up to this position is done.
    pub(super) marks: Vec<u64>,
    /// The one integer: the position of the newest event that was taken from here.
    pub(super) last: u64,
    /// `last` is a position of this partition, seen in this term, so the next record must name it as `previous`.
    pub(super) is_linked: bool,
    /// A record that the store confirmed.
    pub(super) confirmed: Option<Uuid>,
    pub(super) track: Track,
    /// How far progress was saved.
    pub(super) saved: Reached,
    /// Records that were read and not looked at.
    pub(super) inbox: VecDeque<LogRecord>,
    /// What the store was asked, before the inbox can go on.
    pub(super) asked: Option<Asked>,
    /// All that is in it was read, up to this offset.
    pub(super) ended: Option<i64>,
    /// Since when the relay knows of more than can be read here.
    pub(super) behind_since: Option<Instant>,
    /// When the log last said anything of it, a record or its end.
    pub(super) heard_at: Instant,
    pub(super) is_paused: bool,
    /// The foreign incarnation that was reported last.
    pub(super) reported: Option<Uuid>,
}

/// What may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its marks are being read.
    Preparing,
    /// It is read and reacted to.
    Reading,
    /// It is being taken: nothing new begins.
    Leaving,
}

/// What the store was asked about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Where it ends.
    Head,
    /// Whether a record is a stored event.
    Record,
    /// The events that the log lost.
    Lost {
        /// They come after this position …
        after: u64,
        /// … up to this one.
        until: u64,
        /// The next page is not asked for, because too much waits.
        rests: bool,
    },
}

/// What the one-integer rule says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It was here before.
    Duplicate,
    /// It claims a position that nobody has heard of: ask the store where it ends.
    BeyondHead,
    /// It does not follow the one before: ask the store whether it stands there.
    Doubtful,
    /// Events up to this position are missing before it.
    Loss(u64),
    /// It is the next.
    Next,
}

impl Partition {
    pub(super) fn new(term: u64, aggregate: &'static str, known: &'static [EventType]) -> Self {
        let nowhere = Reached {
            position: 0,
            offset: 0,
        };
        Self {
            term,
            aggregate,
            known,
            of: 1,
            phase: Phase::Preparing,
            marks: Vec::new(),
            last: 0,
            is_linked: false,
            confirmed: None,
            track: Track::new(nowhere),
            saved: nowhere,
            inbox: VecDeque::new(),
            asked: None,
            ended: None,
            behind_since: None,
            heard_at: Instant::now(),
            is_paused: false,
            reported: None,
        }
    }

    /// Judges a record that claims to be of this history. `head` is as far as anybody has heard.
    ///
    /// A record that fits the chain is believed. One that does not is either forged or tells of a loss, and both are
    /// rare enough to ask the store: a forged position must neither silence the partition nor start a refill.
    pub(super) fn judge(&self, position: u64, previous: u64, id: Uuid, head: u64) -> Judgement {
        if position <= self.last {
            return Judgement::Duplicate;
        }
        if position > head {
            return Judgement::BeyondHead;
        }
        let follows = previous == self.last || (!self.is_linked && previous < self.last);
        if follows {
            return Judgement::Next;
        }
        match (self.confirmed == Some(id), previous > self.last) {
            (false, _) => Judgement::Doubtful,
            (true, true) => Judgement::Loss(previous),
            (true, false) => Judgement::Next,
        }
    }

    /// The event at this position was taken.
    pub(super) fn took(&mut self, position: u64) {
        self.last = position;
        self.is_linked = true;
        self.confirmed = None;
    }

    /// Where the partition stands once a record that bears no position of ours is done.
    pub(super) fn reach(&self, offset: i64) -> Reached {
        Reached {
            position: self.last,
            offset,
        }
    }

    /// Whether reading it should pause, for a reason of its own. Between the marks it stays as it is.
    pub(super) fn is_full(&self, ahead: usize) -> bool {
        let (inbox, track) = if self.is_paused {
            (INBOX / 2, ahead / 2)
        } else {
            (INBOX, ahead)
        };
        self.inbox.len() >= inbox || self.track.len() >= track
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u64, is_linked: bool) -> Partition {
        let mut partition = Partition::new(1, "order", &[]);
        partition.last = last;
        partition.is_linked = is_linked;
        partition
    }

    #[test]
    fn one_integer_tells_duplicates_losses_and_the_next() {
        let id = Uuid::from_u128(1);
        for (last, is_linked, previous, position, judged) in [
            // The first record a reader sees may follow anything at or before where it starts.
            (10, false, 0, 12, Judgement::Next),
            (10, false, 10, 12, Judgement::Next),
            (10, false, 11, 12, Judgement::Doubtful),
            // After that each names the one before.
            (10, true, 10, 12, Judgement::Next),
            (10, true, 9, 12, Judgement::Doubtful),
            (10, true, 11, 12, Judgement::Doubtful),
            // What was here before is dropped, whatever it says.
            (10, true, 9, 10, Judgement::Duplicate),
            (10, false, 3, 4, Judgement::Duplicate),
            // Nobody has heard of that position.
            (10, true, 10, 101, Judgement::BeyondHead),
            (10, false, 99, 9_000_000, Judgement::BeyondHead),
        ] {
            let told = at(last, is_linked).judge(position, previous, id, 100);
            assert_eq!(told, judged, "{last} {is_linked} {previous} {position}");
        }
    }

    #[test]
    fn a_record_that_the_store_confirmed_is_taken_and_its_loss_believed() {
        let id = Uuid::from_u128(1);
        let mut partition = at(10, true);
        partition.confirmed = Some(id);
        assert_eq!(partition.judge(20, 15, id, 100), Judgement::Loss(15));
        assert_eq!(partition.judge(20, 5, id, 100), Judgement::Next);
        let other = Uuid::from_u128(2);
        assert_eq!(partition.judge(20, 15, other, 100), Judgement::Doubtful);
    }
}
