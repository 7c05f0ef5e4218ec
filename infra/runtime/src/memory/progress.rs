//! The ledger of policies in memory: one book behind all handles, and a handle per process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::store::{Faults, NoFaults, Operation};
use crate::ports::{ContextState, LogRecord, Mark, Parked, Progress, StoreError, TopicPartition};

/// So many dead letters are kept.
const DEAD_LETTERS: usize = 1_000;

/// One process's handle on the ledger; clones and [`MemoryProgress::connect`] share the book.
#[derive(Clone)]
pub struct MemoryProgress {
    book: Arc<Mutex<Book>>,
    faults: Arc<dyn Faults>,
}

/// All that is written in a ledger, as a backup holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    starts: BTreeMap<(String, String), u64>,
    marks: BTreeMap<(String, String, TopicPartition), (u64, i64)>,
    /// By number.
    parked: BTreeMap<i64, Parked>,
    last_number: i64,
    states: BTreeMap<String, ContextState>,
    dead: VecDeque<DeadLetter>,
}

/// A record that was not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The group that met it.
    pub group: String,
    /// The record as it was read.
    pub record: LogRecord,
    /// What was wrong with it.
    pub why: String,
}

impl Default for MemoryProgress {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryProgress {
    /// An empty ledger on which nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        Self {
            book: Arc::default(),
            faults: Arc::new(NoFaults),
        }
    }

    /// Another process's handle on the same book, with faults of its own.
    #[must_use]
    pub fn connect(&self, faults: Arc<dyn Faults>) -> Self {
        Self {
            book: Arc::clone(&self.book),
            faults,
        }
    }

    /// What a backup taken now would hold.
    #[must_use]
    pub fn backup(&self) -> Book {
        self.book().clone()
    }

    /// A backup is restored.
    pub fn restore(&self, backup: Book) {
        *self.book() = backup;
    }

    /// The dead letters, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.book().dead.iter().cloned().collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as fate says, and fails if it says so.
    async fn enter(&self, what: &'static str) -> Result<MutexGuard<'_, Book>, StoreError> {
        let fate = self.faults.fate(Operation::Progress);
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay).await;
        }
        if fate.fails {
            return Err(StoreError::Unreachable {
                what: what.to_owned(),
                source: None,
            });
        }
        Ok(self.book())
    }
}

impl Book {
    fn find(&self, like: &Parked) -> Option<i64> {
        let same = |row: &Parked| {
            is_of(row, &like.context, &like.topic, &like.key) && row.position == like.position
        };
        self.parked
            .values()
            .find(|row| same(row))
            .map(|row| row.number)
    }

    fn park(&mut self, parked: &Parked) {
        if let Some(row) = self.find(parked).and_then(|n| self.parked.get_mut(&n)) {
            add(&mut row.owed, &parked.owed);
            row.unknown |= parked.unknown;
            return;
        }
        self.last_number += 1;
        let row = Parked {
            number: self.last_number,
            ..parked.clone()
        };
        self.parked.insert(row.number, row);
    }
}

fn is_of(row: &Parked, context: &str, topic: &str, key: &str) -> bool {
    row.context == context && row.topic == topic && row.key == key
}

fn add(owed: &mut Vec<String>, more: &[String]) {
    for policy in more {
        if !owed.contains(policy) {
            owed.push(policy.clone());
        }
    }
}

#[async_trait]
impl Progress for MemoryProgress {
    async fn register(&self, context: &str, policies: &[(String, u64)]) -> Result<(), StoreError> {
        let mut book = self.enter("register policies").await?;
        for (policy, from) in policies {
            book.starts
                .entry((context.to_owned(), policy.clone()))
                .or_insert(*from);
        }
        Ok(())
    }

    async fn starts(&self, context: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let book = self.enter("read where policies start").await?;
        Ok(book
            .starts
            .iter()
            .filter(|((of, _), _)| of == context)
            .map(|((_, policy), from)| (policy.clone(), *from))
            .collect())
    }

    async fn marks(
        &self,
        context: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Mark>, StoreError> {
        let book = self.enter("read marks").await?;
        Ok(book
            .marks
            .iter()
            .filter(|((of, _, at), _)| of == context && partitions.contains(at))
            .map(|((_, policy, at), &(position, offset))| Mark {
                policy: policy.clone(),
                at: at.clone(),
                position,
                offset,
            })
            .collect())
    }

    async fn advance(&self, context: &str, marks: &[Mark]) -> Result<(), StoreError> {
        let mut book = self.enter("move marks").await?;
        for mark in marks {
            let key = (context.to_owned(), mark.policy.clone(), mark.at.clone());
            let stands = book.marks.entry(key).or_insert((0, 0));
            if stands.0 <= mark.position {
                *stands = (mark.position, mark.offset);
            }
        }
        Ok(())
    }

    async fn park(&self, parked: &Parked) -> Result<(), StoreError> {
        self.enter("park").await?.park(parked);
        Ok(())
    }

    async fn parked_keys(&self, context: &str) -> Result<Vec<(String, String)>, StoreError> {
        let book = self.enter("read parked keys").await?;
        let keys: BTreeSet<_> = book
            .parked
            .values()
            .filter(|row| row.context == context)
            .map(|row| (row.topic.clone(), row.key.clone()))
            .collect();
        Ok(keys.into_iter().collect())
    }

    async fn park_behind(&self, parked: &Parked) -> Result<bool, StoreError> {
        let mut book = self.enter("park behind").await?;
        let is_parked = (book.parked.values())
            .any(|row| is_of(row, &parked.context, &parked.topic, &parked.key));
        if is_parked {
            book.park(parked);
        }
        Ok(is_parked)
    }

    async fn parked(
        &self,
        context: &str,
        key: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Parked>, StoreError> {
        let book = self.enter("read what is parked").await?;
        let mut rows: Vec<_> = book
            .parked
            .values()
            .filter(|row| match key {
                Some((topic, key)) => is_of(row, context, topic, key),
                None => row.context == context,
            })
            .cloned()
            .collect();
        if key.is_some() {
            rows.sort_by_key(|row| row.position);
        }
        rows.truncate(limit);
        Ok(rows)
    }

    async fn served(&self, number: i64, policies: &[String]) -> Result<bool, StoreError> {
        let mut book = self.enter("note who was served").await?;
        let Some(row) = book.parked.get_mut(&number) else {
            return Ok(true);
        };
        row.owed.retain(|policy| !policies.contains(policy));
        let is_done = row.owed.is_empty();
        if is_done {
            book.parked.remove(&number);
        }
        Ok(is_done)
    }

    async fn owe(&self, number: i64, policies: &[String]) -> Result<(), StoreError> {
        let mut book = self.enter("note who is owed").await?;
        if let Some(row) = book.parked.get_mut(&number) {
            add(&mut row.owed, policies);
        }
        Ok(())
    }

    async fn state(&self, context: &str) -> Result<ContextState, StoreError> {
        let book = self.enter("read a context's state").await?;
        let state = book.states.get(context).cloned();
        Ok(state.unwrap_or(ContextState::Running))
    }

    async fn set_state(&self, context: &str, state: &ContextState) -> Result<(), StoreError> {
        let mut book = self.enter("set a context's state").await?;
        book.states.insert(context.to_owned(), state.clone());
        Ok(())
    }

    async fn dead_letter(
        &self,
        group: &str,
        record: &LogRecord,
        why: &str,
    ) -> Result<(), StoreError> {
        let mut book = self.enter("keep a dead letter").await?;
        if book.dead.len() == DEAD_LETTERS {
            book.dead.pop_front();
        }
        book.dead.push_back(DeadLetter {
            group: group.to_owned(),
            record: record.clone(),
            why: why.to_owned(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_keeps_the_rules_of_the_port() {
        crate::conformance::progress::all(|| async { Arc::new(MemoryProgress::new()) as _ }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_restored_backup_brings_back_what_it_held() {
        let ledger = MemoryProgress::new();
        ledger.register("mall", &[("p".into(), 7)]).await.unwrap();
        let backup = ledger.backup();
        ledger.register("mall", &[("q".into(), 9)]).await.unwrap();
        ledger.restore(backup);
        assert_eq!(ledger.starts("mall").await.unwrap(), [("p".to_owned(), 7)]);
    }
}
