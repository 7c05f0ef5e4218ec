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
}

impl MemoryAppender {
    pub(super) fn new(
        database: MemoryDatabase,
        faults: Arc<dyn Faults>,
        session: Arc<Session>,
    ) -> Self {
        Self {
            database,
            faults,
            session,
        }
    }

    /// Lets fate have its way before an append. A broken connection has certainly stored nothing.
    async fn enter(&self, batch: &[Entry], checked: bool) -> Result<(Fate, u64), AppendError> {
        let fate = self.faults.fate(Operation::Append);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(AppendError::NotDone(unreachable(Operation::Append)));
        }
        self.stand()?;
        if let Some(later) = fate.answer_lost {
            self.database
                .append_later(Instant::now() + later, batch, checked);
            return Err(AppendError::Unknown(unreachable(Operation::Append)));
        }
        Ok((fate, self.database.generation()))
    }

    /// Waits for the answer to an append that the store has carried out.
    async fn leave(&self, (fate, generation): (Fate, u64)) -> Result<(), AppendError> {
        if answer_comes(&self.database, &fate, generation).await {
            Ok(())
        } else {
            Err(AppendError::Unknown(unreachable(Operation::Append)))
        }
    }

    fn stand(&self) -> Result<(), AppendError> {
        self.session
            .stand(&self.database)
            .map_err(|error| match error {
                forked @ StoreError::Forked { .. } => AppendError::Fatal(forked),
                other => AppendError::NotDone(other),
            })
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
        self.session.stand(&self.database)
    }

    async fn look_up(&mut self, command_ids: &[Uuid]) -> Result<Vec<Envelope>, StoreError> {
        let fate = self.faults.fate(Operation::LookUp);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(unreachable(Operation::LookUp));
        }
        self.session.stand(&self.database)?;
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
