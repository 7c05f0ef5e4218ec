//! The connection that appends, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use event_schemas::Envelope;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Fate, Faults, MemoryDatabase, Operation, Session, answer_comes, unreachable};
use crate::ports::{AppendError, Appender, Entry, FastOutcome, Judged, StoreError, Verdict};

pub(super) struct MemoryAppender {
    database: MemoryDatabase,
    faults: Arc<dyn Faults>,
    session: Arc<Session>,
    /// Of the database when this connection was made; a restore breaks it.
    generation: u64,
}

impl MemoryAppender {
    pub(super) fn new(
        database: MemoryDatabase,
        faults: Arc<dyn Faults>,
        session: Arc<Session>,
    ) -> Self {
        let generation = database.generation();
        Self {
            database,
            faults,
            session,
            generation,
        }
    }

    /// Lets fate have its way before an append. A broken connection has certainly stored nothing.
    async fn enter(&self, batch: &[Entry], checked: bool) -> Result<Fate, AppendError> {
        let fate = self.faults.fate(Operation::Append);
        tokio::time::sleep(fate.delay).await;
        if fate.fails || self.database.generation() != self.generation {
            return Err(AppendError::NotDone(unreachable(Operation::Append)));
        }
        if let Some(later) = fate.answer_lost {
            self.database
                .append_later(Instant::now() + later, batch, checked);
            return Err(AppendError::Unknown(unreachable(Operation::Append)));
        }
        Ok(fate)
    }

    /// Waits for the answer to an append that the store has carried out.
    async fn leave(&self, fate: Fate) -> Result<(), AppendError> {
        if answer_comes(&self.database, &fate, self.generation).await {
            Ok(())
        } else {
            Err(AppendError::Unknown(unreachable(Operation::Append)))
        }
    }

    fn told(&self, entry: &Entry, first: u64) {
        if let Some(last) = entry.events.last() {
            self.session
                .told(first + entry.events.len() as u64 - 1, last.event_id);
        }
    }
}

#[async_trait]
impl Appender for MemoryAppender {
    async fn append(&mut self, batch: &[Entry]) -> Result<FastOutcome, AppendError> {
        let entered = self.enter(batch, false).await?;
        let outcome = self.database.append(batch);
        self.leave(entered).await?;
        if let FastOutcome::Appended(appended) = &outcome {
            let mut first = appended.first;
            for entry in batch {
                self.told(entry, first);
                first += entry.events.len() as u64;
            }
        }
        Ok(outcome)
    }

    async fn append_checked(&mut self, batch: &[Entry]) -> Result<Judged, AppendError> {
        let entered = self.enter(batch, true).await?;
        let judged = self.database.append_checked(batch);
        self.leave(entered).await?;
        for (entry, verdict) in batch.iter().zip(&judged.verdicts) {
            if let Verdict::Appended { first } = verdict {
                self.told(entry, *first);
            }
        }
        Ok(judged)
    }

    async fn recover(&mut self) -> Result<(), StoreError> {
        let fate = self.faults.fate(Operation::Connect);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(unreachable(Operation::Connect));
        }
        while let Some(due) = self.database.at_work_until() {
            tokio::time::sleep_until(due).await;
        }
        self.session.stand(&self.database)?;
        self.generation = self.database.generation();
        Ok(())
    }

    async fn look_up(&mut self, command_ids: &[Uuid]) -> Result<Vec<Envelope>, StoreError> {
        let fate = self.faults.fate(Operation::LookUp);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(unreachable(Operation::LookUp));
        }
        if self.database.generation() != self.generation {
            return Err(unreachable(Operation::LookUp));
        }
        let facts: Vec<_> = command_ids
            .iter()
            .flat_map(|id| self.database.facts(*id))
            .collect();
        if let Some(last) = facts.iter().max_by_key(|event| event.position) {
            self.session.told(last.position, last.event_id);
        }
        Ok(facts)
    }
}
