//! The lane of a key: its events in order, submitted in runs, and what a run's answers mean.
//!
//! A run bears one token. When one of its submissions ends in anything but stored, the token is revoked, everything of
//! the run comes back, and the next run starts at the first event that is not finished. Until the event that failed is
//! past, one event is submitted at a time: so a later one that always fails cannot keep sending its elders back.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::item::{Fault, Item, Reaction};
use crate::execute::{Failure, Outcome, RunToken};
use crate::ports::TopicPartition;

/// One key's events, and how far their run came.
pub(super) struct Lane {
    pub(super) at: TopicPartition,
    pub(super) key: Arc<str>,
    pub(super) items: VecDeque<Item>,
    /// How many items of the front are submitted.
    pub(super) submitted: usize,
    pub(super) in_flight: usize,
    pub(super) token: RunToken,
    is_failing: bool,
    pub(super) phase: Phase,
    /// One event at a time until the one at this position is past.
    careful_until: u64,
    pub(super) patience: Patience,
    /// Something of this key is parked: whatever comes goes behind it.
    pub(super) is_parked: bool,
    /// It stands in the queue of those that want to submit.
    pub(super) is_ready: bool,
}

/// What a lane is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It may submit.
    Open,
    /// It waits before it tries again.
    Waiting,
    /// The ledger or the store was asked something for it.
    Asking,
}

/// Attempts of the event at the front.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    of: u64,
    /// Runs that began with it.
    pub(super) tries: u32,
    /// Those that say something about the event, and not only about the engine.
    pub(super) counted: u32,
    /// The store was seen to answer before the last one.
    pub(super) is_last: bool,
}

impl Lane {
    pub(super) fn new(at: TopicPartition, key: Arc<str>, is_parked: bool, history: Uuid) -> Self {
        Self {
            at,
            key,
            items: VecDeque::new(),
            submitted: 0,
            in_flight: 0,
            token: RunToken::of(history),
            is_failing: false,
            phase: Phase::Open,
            careful_until: 0,
            patience: Patience::default(),
            is_parked,
            is_ready: false,
        }
    }

    /// The index of the item to submit now, if one may be.
    pub(super) fn next(&self, window: usize) -> Option<usize> {
        let may = self.phase == Phase::Open
            && !self.is_failing
            && !self.is_parked
            && self.in_flight < window
            && self.submitted < self.items.len();
        let is_careful = self
            .items
            .front()
            .is_some_and(|front| front.told.position <= self.careful_until);
        // Nothing passes an event that has to be parked; and with care, nothing passes any.
        let is_blocked =
            self.submitted > 0 && (is_careful || self.items[self.submitted - 1].fault.is_some());
        (may && !is_blocked).then_some(self.submitted)
    }

    /// An answer to a submission of this run.
    pub(super) fn answered(&mut self, number: u64, policy: usize, outcome: Outcome) {
        self.in_flight -= 1;
        let index = self
            .items
            .binary_search_by_key(&number, |item| item.number)
            .expect("an item stays until all its submissions are answered");
        let item = &mut self.items[index];
        let owed = item
            .owed
            .iter_mut()
            .find(|owed| owed.policy == policy)
            .expect("a policy that asked is owed");
        owed.waiting -= 1;
        match outcome {
            Ok(_) if owed.waiting == 0 && owed.state == Reaction::Asked => {
                owed.state = Reaction::Served;
            }
            Ok(_) => {}
            Err(failure) => {
                owed.state = Reaction::Failed;
                item.note(Fault::of(failure));
                self.is_failing = true;
                self.token.revoke();
            }
        }
    }

    /// Takes the finished events off the front.
    pub(super) fn take_finished(&mut self) -> Vec<Item> {
        let mut finished = Vec::new();
        while self.submitted > 0 && self.items.front().is_some_and(Item::is_finished) {
            finished.extend(self.items.pop_front());
            self.submitted -= 1;
        }
        finished
    }

    /// If the run failed and all of it is back: starts anew and says what was wrong with the event at the front.
    pub(super) fn end_failed_run(&mut self) -> Option<Fault> {
        let front_failed = self.submitted > 0
            && self.items.front().is_some_and(|front| {
                front.fault.is_some() && front.owed.iter().all(|owed| owed.waiting == 0)
            });
        if self.in_flight > 0 || !(self.is_failing || front_failed) {
            return None;
        }
        self.is_failing = false;
        self.submitted = 0;
        self.token = self.token.next();
        let culprits = self
            .items
            .iter()
            .filter(|item| item.fault.as_ref().is_some_and(|fault| fault.weight() > 0));
        let last_culprit = culprits.map(|item| item.told.position).max();
        self.careful_until = self.careful_until.max(last_culprit.unwrap_or(0));
        let fault = self
            .items
            .front_mut()
            .and_then(|front| front.fault.take())
            .unwrap_or(Fault::Again(Failure::Revoked));
        for item in &mut self.items {
            item.begin_again();
        }
        Some(fault)
    }

    /// Notes an attempt of the front that failed; the patience with it so far.
    pub(super) fn lose_patience(&mut self, fault: &Fault) -> Patience {
        let of = self.items.front().map_or(0, |front| front.told.position);
        if self.patience.of != of {
            self.patience = Patience {
                of,
                ..Patience::default()
            };
        }
        self.patience.tries += 1;
        self.patience.counted += u32::from(fault.counts());
        self.patience
    }

    /// Whether the front was counted as parked before; from now on it is.
    pub(super) fn count_front(&mut self) -> bool {
        let front = self.items.front_mut();
        front.is_some_and(|front| std::mem::replace(&mut front.is_counted, true))
    }

    /// Takes the front out, whatever became of it.
    pub(super) fn take_front(&mut self) -> Option<Item> {
        debug_assert_eq!(self.in_flight, 0, "nothing of a parked event is in flight");
        self.submitted = 0;
        self.items.pop_front()
    }
}
