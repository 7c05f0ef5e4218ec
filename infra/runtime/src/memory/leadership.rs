//! The relay's ledger in memory: one leader at a time, bound to a session that can be broken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use event_schemas::Envelope;
use uuid::Uuid;

use super::store::{MemoryDatabase, MemoryStore};
use crate::ports::{EventStore, Leadership, RelayCheckpoint, RelayLedger, StoreError};

/// The ledger of one database; clones are the same one.
#[derive(Clone)]
pub struct MemoryLedger {
    database: MemoryDatabase,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Raised by every new leader; an older one's words count no more.
    epoch: u64,
    leader: Option<u64>,
    /// Every checkpoint that was written, the newest last, each with the event that stood at its position: a restored
    /// database has an older one.
    checkpoints: Vec<(Option<Uuid>, RelayCheckpoint)>,
    stopped: Option<String>,
}

/// What is written in the ledger, as a backup holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerBackup {
    checkpoints: Vec<(Option<Uuid>, RelayCheckpoint)>,
    stopped: Option<String>,
}

impl MemoryLedger {
    /// The ledger of a database.
    #[must_use]
    pub fn new(database: &MemoryDatabase) -> Self {
        Self {
            database: database.clone(),
            state: Arc::default(),
        }
    }

    /// The ledger as a process sees it through its store.
    #[must_use]
    pub fn of(&self, store: &Arc<MemoryStore>) -> Arc<dyn RelayLedger> {
        Arc::new(Handle {
            ledger: self.clone(),
            store: Arc::clone(store),
        })
    }

    /// What a backup taken now would hold.
    #[must_use]
    pub fn backup(&self) -> LedgerBackup {
        let state = self.state();
        LedgerBackup {
            checkpoints: state.checkpoints.clone(),
            stopped: state.stopped.clone(),
        }
    }

    /// A backup is restored: the leader's session breaks.
    pub fn restore(&self, backup: LedgerBackup) {
        let mut state = self.state();
        state.checkpoints = backup.checkpoints;
        state.stopped = backup.stopped;
        state.leader = None;
    }

    /// The leader's session breaks: it leads no more, though it may not know.
    pub fn depose(&self) {
        self.state().leader = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> RelayCheckpoint {
        let mut state = self.state();
        while let Some((event_id, checkpoint)) = state.checkpoints.last() {
            if self.database.event_at(checkpoint.position) == *event_id {
                return checkpoint.clone();
            }
            state.checkpoints.pop();
        }
        RelayCheckpoint::default()
    }
}

struct Handle {
    ledger: MemoryLedger,
    store: Arc<MemoryStore>,
}

impl Handle {
    /// A word with the store: it may be away, or another than we knew.
    async fn enter(&self) -> Result<(), StoreError> {
        self.store.head().await.map(drop)
    }
}

#[async_trait]
impl RelayLedger for Handle {
    async fn lead(&self) -> Result<Option<Box<dyn Leadership>>, StoreError> {
        self.enter().await?;
        let mut state = self.ledger.state();
        if state.leader.is_some() {
            return Ok(None);
        }
        state.epoch += 1;
        let epoch = state.epoch;
        state.leader = Some(epoch);
        let handle = Self {
            ledger: self.ledger.clone(),
            store: Arc::clone(&self.store),
        };
        Ok(Some(Box::new(MemoryLeadership { handle, epoch })))
    }

    async fn checkpoint(&self) -> Result<RelayCheckpoint, StoreError> {
        self.enter().await?;
        Ok(self.ledger.newest())
    }

    async fn stopped(&self) -> Result<Option<String>, StoreError> {
        self.enter().await?;
        Ok(self.ledger.state().stopped.clone())
    }
}

struct MemoryLeadership {
    handle: Handle,
    epoch: u64,
}

impl MemoryLeadership {
    /// The session lives, and the store can be asked.
    async fn enter(&self) -> Result<(), StoreError> {
        self.handle.enter().await?;
        if self.handle.ledger.state().leader == Some(self.epoch) {
            return Ok(());
        }
        Err(StoreError::Unreachable {
            what: "the leader's session is gone".to_owned(),
            source: None,
        })
    }
}

#[async_trait]
impl Leadership for MemoryLeadership {
    async fn checkpoint(&mut self) -> Result<RelayCheckpoint, StoreError> {
        self.enter().await?;
        Ok(self.handle.ledger.newest())
    }

    async fn save(&mut self, checkpoint: &RelayCheckpoint) -> Result<(), StoreError> {
        self.handle.enter().await?;
        let event_id = self.handle.ledger.database.event_at(checkpoint.position);
        let mut state = self.handle.ledger.state();
        if state.epoch != self.epoch {
            let what = format!(
                "leader {} writes the checkpoint while {} leads",
                self.epoch, state.epoch
            );
            return Err(StoreError::Refused { what, source: None });
        }
        if state.leader != Some(self.epoch) {
            return Err(StoreError::Unreachable {
                what: "the leader's session is gone".to_owned(),
                source: None,
            });
        }
        state.checkpoints.push((event_id, checkpoint.clone()));
        Ok(())
    }

    async fn read(&mut self, after: u64, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.enter().await?;
        self.handle.store.read(after, limit).await
    }

    async fn events_at(&mut self, positions: &[u64]) -> Result<BTreeMap<u64, Uuid>, StoreError> {
        self.enter().await?;
        let database = &self.handle.ledger.database;
        Ok(positions
            .iter()
            .filter_map(|position| Some((*position, database.event_at(*position)?)))
            .collect())
    }

    async fn incarnations(&mut self) -> Result<Vec<Uuid>, StoreError> {
        self.enter().await?;
        Ok(self.handle.ledger.database.incarnations())
    }

    async fn note_stopped(&mut self, why: Option<&str>) -> Result<(), StoreError> {
        self.enter().await?;
        self.handle.ledger.state().stopped = why.map(str::to_owned);
        Ok(())
    }
}

impl Drop for MemoryLeadership {
    fn drop(&mut self) {
        let mut state = self.handle.ledger.state();
        if state.leader == Some(self.epoch) {
            state.leader = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::leadership::{LedgerBench, all};
    use crate::memory::store::NoFaults;
    use crate::ports::SystemClock;

    struct Bench {
        ledger: MemoryLedger,
        processes: [Arc<MemoryStore>; 2],
    }

    #[async_trait]
    impl LedgerBench for Bench {
        fn one(&self) -> Arc<dyn RelayLedger> {
            self.ledger.of(&self.processes[0])
        }

        fn other(&self) -> Arc<dyn RelayLedger> {
            self.ledger.of(&self.processes[1])
        }

        fn store(&self) -> Arc<dyn EventStore> {
            Arc::clone(&self.processes[1]) as Arc<dyn EventStore>
        }

        async fn break_the_leader(&self) {
            self.ledger.depose();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_keeps_every_rule_of_a_ledger() {
        all(|| async {
            let database = MemoryDatabase::new("mall", Arc::new(SystemClock));
            let connect = || MemoryStore::connect(&database, Arc::new(NoFaults));
            Bench {
                ledger: MemoryLedger::new(&database),
                processes: [connect(), connect()],
            }
        })
        .await;
    }
}
