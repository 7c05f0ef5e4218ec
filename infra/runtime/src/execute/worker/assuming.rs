//! What nobody wrote yet need not be loaded: a command that has long begun its aggregates is decided at once.
//!
//! The append's check of the version is what makes this safe: an aggregate that is there after all costs an append in
//! vain and is loaded then. Only what the blank state says counts; a refusal, silence or defect of it is never told.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::slot::Phase;
use super::Worker;

/// How many aggregates in a row a load found blank, by aggregate and command.
#[derive(Default)]
pub(super) struct Begun(HashMap<(&'static str, &'static str), u32>);

impl Worker {
    /// Takes a cold slot for one to which nothing has happened, where its command has begun many in a row.
    pub(super) fn assume_blank(&mut self, number: usize) -> bool {
        let after = self.parts.shared.options.assume_new_after;
        let Some((key, names_version)) = self.begins(number) else {
            return false;
        };
        let begun = self.begun.0.get(&key).copied().unwrap_or(0);
        let slot = self.cache.slot(number);
        if slot.must_load || names_version || begun < after {
            return false;
        }
        slot.number = slot.speculation.number();
        slot.version = 0;
        slot.version_known = false;
        slot.snapshot = (0, 0);
        slot.is_assumed = true;
        slot.phase = Phase::Ready(slot.kind.blank());
        true
    }

    /// A slot was loaded: was it blank?
    pub(super) fn note_beginning(&mut self, number: usize) {
        let Some((key, _)) = self.begins(number) else {
            return;
        };
        let is_blank = self.cache.slot(number).version == 0;
        let begun = self.begun.0.entry(key).or_default();
        *begun = if is_blank { begun.saturating_add(1) } else { 0 };
    }

    /// Whether nothing is known of a slot but the assumption that nothing is stored.
    pub(super) fn is_blank_by_assumption(&mut self, number: usize) -> bool {
        let slot = self.cache.slot(number);
        slot.is_assumed && slot.version == 0
    }

    /// What a blank one says to a command is not to be told: the command waits for what is stored.
    pub(super) fn load_after_all(&mut self, number: usize, id: Uuid) {
        let arrival = self.flights.get(&id).map(|flight| flight.arrival);
        let slot = self.cache.slot(number);
        slot.phase = Phase::Recalling;
        slot.returned.extend(arrival.map(|arrival| (arrival, id)));
        self.stirred.push(number);
    }

    /// The aggregate and command that a slot would begin with, and whether its caller named a version.
    fn begins(&mut self, number: usize) -> Option<((&'static str, &'static str), bool)> {
        let slot = self.cache.slot(number);
        let (_, id) = slot.queue.front()?;
        // Nobody may wait for it any more.
        let submission = &self.flights.get(id)?.callers.first()?.submission;
        let key = (slot.kind.name(), submission.command.name);
        Some((key, submission.expected_version.is_some()))
    }
}
