//! What was asked in a run, and what was answered: the other half of what the laws are checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jangbu_runtime::execute::{Failure, Outcome, Submission};
use jangbu_runtime::ports::TopicPartition;
use tokio::time::Instant;
use uuid::Uuid;

/// One time somebody asked.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) command_id: Uuid,
    pub(super) submission: Submission,
    pub(super) asked: Instant,
    pub(super) heard: Instant,
    pub(super) outcome: Outcome,
}

impl Attempt {
    pub(super) fn new(submission: &Submission, asked: Instant, outcome: Outcome) -> Self {
        Self {
            command_id: submission.command_id,
            submission: submission.clone(),
            asked,
            heard: Instant::now(),
            outcome,
        }
    }

    /// Whether it was answered with something that stood in the store, and stands no more since a backup was restored.
    pub(super) fn is_undone_by(&self, restores: &[Restore]) -> bool {
        let Ok(answer) = &self.outcome else {
            return false;
        };
        restores
            .iter()
            .any(|restore| self.heard <= restore.at && answer.position > restore.position)
    }
}

/// A backup that was restored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restore {
    pub(super) at: Instant,
    /// What came after it never happened.
    pub(super) position: u64,
}

/// Everything that was asked, in the order it was answered.
#[derive(Default)]
pub(super) struct History {
    attempts: Mutex<Vec<Attempt>>,
    restores: Mutex<Vec<Restore>>,
    damaged: Mutex<BTreeSet<TopicPartition>>,
}

impl History {
    pub(super) fn note(&self, attempt: Attempt) {
        lock(&self.attempts).push(attempt);
    }

    pub(super) fn note_restore(&self, position: u64) {
        let at = Instant::now();
        lock(&self.restores).push(Restore { at, position });
    }

    /// Retention or somebody's hand took records out of a partition.
    pub(super) fn note_damage(&self, at: &TopicPartition) {
        lock(&self.damaged).insert(at.clone());
    }

    pub(super) fn is_damaged(&self, at: &TopicPartition) -> bool {
        lock(&self.damaged).contains(at)
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.attempts).clone()
    }

    pub(super) fn restores(&self) -> Vec<Restore> {
        lock(&self.restores).clone()
    }

    /// Those that may have been carried out, and whose people never heard.
    pub(super) fn unanswered(&self) -> Vec<Submission> {
        let restores = self.restores();
        let is_settled = |attempt: &Attempt| match &attempt.outcome {
            Ok(_) => !attempt.is_undone_by(&restores),
            Err(failure) => *failure == Failure::CommandIdReused,
        };
        self.by_command()
            .values()
            .filter(|attempts| {
                let is_open = |a: &Attempt| a.outcome == Err(Failure::OutcomeUnknown);
                attempts.iter().any(is_open) && !attempts.iter().any(is_settled)
            })
            .map(|attempts| attempts[0].submission.clone())
            .collect()
    }

    /// The attempts by command.
    pub(super) fn by_command(&self) -> BTreeMap<Uuid, Vec<Attempt>> {
        let mut commands: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for attempt in self.attempts() {
            commands
                .entry(attempt.command_id)
                .or_default()
                .push(attempt);
        }
        commands
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
