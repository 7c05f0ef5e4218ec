//! The event store in memory: one database, and a handle on it per process.
//!
//! It keeps every promise of the real one that can be kept without a disk, and can be told to break connections, to
//! lose answers and to be restored from a backup: that is what the simulation is made of.

mod appender;
mod database;
mod faults;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event_schemas::{Envelope, Source};
use uuid::Uuid;

pub use database::MemoryDatabase;
pub use faults::{Fate, Faults, NoFaults, Operation};

use crate::bell::Bell;
use crate::ports::{
    Appender, Arrivals, EventFilter, EventStore, Head, Load, Loaded, NewSnapshot, StoreError,
    Stream, Turn,
};

/// One process's handle on a [`MemoryDatabase`]: what it was told, and which connection it has.
pub struct MemoryStore {
    database: MemoryDatabase,
    faults: Arc<dyn Faults>,
    session: Arc<Session>,
}

/// What all connections of one process share: the newest event any of them was told of.
struct Session {
    known: Mutex<Known>,
    arrivals: Arc<Bell>,
}

struct Known {
    incarnation: Uuid,
    /// Of the database when this process last connected; a restore raises the database's.
    generation: u64,
    witness: Option<(u64, Uuid)>,
}

impl MemoryStore {
    /// A process connects.
    #[must_use]
    pub fn connect(database: &MemoryDatabase, faults: Arc<dyn Faults>) -> Arc<Self> {
        let (incarnation, generation, head) = database.identity();
        let session = Session {
            known: Mutex::new(Known {
                incarnation,
                generation,
                witness: head.event_id.map(|id| (head.position, id)),
            }),
            arrivals: Arc::new(Bell::new(head.position)),
        };
        Arc::new(Self {
            database: database.clone(),
            faults,
            session: Arc::new(session),
        })
    }

    /// Waits as long as fate says, and fails if it says so; then makes sure the connection stands.
    async fn enter(&self, operation: Operation) -> Result<(), StoreError> {
        self.ask(operation, |_| ()).await
    }

    /// Asks the database something; the answer comes back when fate lets it, if the connection still stands then.
    async fn ask<T>(
        &self,
        operation: Operation,
        question: impl FnOnce(&MemoryDatabase) -> T,
    ) -> Result<T, StoreError> {
        let fate = self.faults.fate(operation);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(unreachable(operation));
        }
        self.session.stand(&self.database)?;
        let generation = self.database.generation();
        let answer = question(&self.database);
        answer_comes(&self.database, &fate, generation)
            .await
            .then_some(answer)
            .ok_or_else(|| unreachable(operation))
    }

    fn told(&self, events: &[Envelope]) {
        if let Some(last) = events.iter().max_by_key(|event| event.position) {
            self.session.told(last.position, last.event_id);
        }
    }
}

impl Session {
    /// Reconnects after a restore: what we were told must still stand.
    fn stand(&self, database: &MemoryDatabase) -> Result<(), StoreError> {
        let (incarnation, generation, _) = database.identity();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation == generation {
            return Ok(());
        }
        if known.incarnation == incarnation {
            if let Some((position, event_id)) = known.witness
                && database.event_at(position) != Some(event_id)
            {
                return Err(StoreError::Forked { position, event_id });
            }
        } else {
            // An operator has accepted the forked history: begin anew with it.
            known.incarnation = incarnation;
            known.witness = None;
            self.arrivals.ring(|_| 0);
        }
        known.generation = generation;
        Ok(())
    }

    fn told(&self, position: u64, event_id: Uuid) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.witness.is_none_or(|(newest, _)| newest < position) {
            known.witness = Some((position, event_id));
        }
    }

    fn arrived(&self, position: u64) {
        self.arrivals.ring(|newest| newest.max(position));
    }
}

/// Waits for an answer that is on its way. False if a restore broke the connection meanwhile.
async fn answer_comes(database: &MemoryDatabase, fate: &Fate, generation: u64) -> bool {
    if !fate.answer_delay.is_zero() {
        tokio::time::sleep(fate.answer_delay).await;
    }
    database.generation() == generation
}

fn unreachable(operation: Operation) -> StoreError {
    StoreError::Unreachable {
        what: format!("{operation:?}"),
        source: None,
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn source(&self) -> Source {
        let known = self
            .session
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Source {
            store: self.database.name().to_owned(),
            incarnation: known.incarnation,
        }
    }

    fn arrivals(&self) -> Arrivals {
        self.database.listen(&self.session.arrivals);
        self.session.arrivals.listen()
    }

    fn announce(&self, position: u64) {
        self.session.arrived(position);
        self.database.notify(position);
    }

    async fn appender(&self) -> Result<Box<dyn Appender>, StoreError> {
        self.enter(Operation::Connect).await?;
        Ok(Box::new(appender::MemoryAppender::new(
            self.database.clone(),
            Arc::clone(&self.faults),
            Arc::clone(&self.session),
        )))
    }

    async fn load(&self, loads: &[Load]) -> Result<Vec<Loaded>, StoreError> {
        let loaded = self
            .ask(Operation::Load, |database| database.load(loads))
            .await?;
        for one in &loaded {
            self.told(&one.events);
        }
        Ok(loaded)
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        let events = self
            .ask(Operation::Read, |database| database.read(after, limit))
            .await?;
        self.told(&events);
        Ok(events)
    }

    async fn search(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Envelope>, u64), StoreError> {
        self.ask(Operation::Read, |database| {
            database.search(filter, after, limit)
        })
        .await
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let (_, _, head) = self.ask(Operation::Read, MemoryDatabase::identity).await?;
        if let Some(event_id) = head.event_id {
            self.session.told(head.position, event_id);
        }
        Ok(head)
    }

    async fn turn(
        &self,
        stream: &Stream,
        wait: Duration,
    ) -> Result<Option<Box<dyn Turn>>, StoreError> {
        self.enter(Operation::Turn).await?;
        let lock = self.database.turn_lock(stream);
        match tokio::time::timeout(wait, lock.lock_owned()).await {
            Ok(guard) => Ok(Some(Box::new(MemoryTurn { _guard: guard }))),
            Err(_) => Ok(None),
        }
    }

    async fn save_snapshots(&self, snapshots: Vec<NewSnapshot>) -> Result<(), StoreError> {
        self.enter(Operation::SaveSnapshots).await?;
        self.database.save_snapshots(snapshots);
        Ok(())
    }
}

struct MemoryTurn {
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

#[async_trait]
impl Turn for MemoryTurn {
    async fn end(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use super::{MemoryDatabase, MemoryStore, NoFaults};
    use crate::conformance::store::{Opened, event_store};
    use crate::ports::SystemClock;
    use std::sync::Arc;

    #[tokio::test]
    async fn keeps_the_rules_of_every_event_store() {
        event_store(async || {
            let database = MemoryDatabase::new("mall", Arc::new(SystemClock));
            let open = || MemoryStore::connect(&database, Arc::new(NoFaults));
            Opened {
                one: open(),
                other: open(),
            }
        })
        .await;
    }
}
