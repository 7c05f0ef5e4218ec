//! The documents of views in memory: the rooms behind all handles, and a handle per process.

mod lease;
mod page;
mod rooms;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::store::{Fate, Faults, NoFaults, Operation};
use crate::ports::{Documents, Lease, Page, Query, Read, StoreError, ViewDefinition, ViewStatus};

use lease::MemoryLease;
pub use rooms::Rooms;
use rooms::{Room, RoomKey, key_of};

/// One process's handle on the documents; clones and [`MemoryDocuments::connect`] share the rooms.
#[derive(Clone)]
pub struct MemoryDocuments {
    house: Arc<House>,
    faults: Arc<dyn Faults>,
}

/// What all handles share.
struct House {
    state: Mutex<State>,
    /// Rises whenever a checkpoint moved.
    moved: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    rooms: Rooms,
    /// Who holds the lease of a room: the number of a session.
    holders: BTreeMap<RoomKey, u64>,
    last_session: u64,
}

impl Default for MemoryDocuments {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDocuments {
    /// No views, and nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        Self {
            house: Arc::new(House {
                state: Mutex::default(),
                moved: watch::Sender::new(0),
            }),
            faults: Arc::new(NoFaults),
        }
    }

    /// Another process's handle on the same rooms, with faults of its own.
    #[must_use]
    pub fn connect(&self, faults: Arc<dyn Faults>) -> Self {
        Self {
            house: Arc::clone(&self.house),
            faults,
        }
    }

    /// What a backup taken now would hold.
    #[must_use]
    pub fn backup(&self) -> Rooms {
        self.house.state().rooms.clone()
    }

    /// A backup is restored: every session breaks, and every lease with it.
    pub fn restore(&self, backup: Rooms) {
        let mut state = self.house.state();
        state.rooms = backup;
        // The backup knows the sessions of its day, and one that lived until now would pass for alive.
        state.last_session += 1;
        let session = state.last_session;
        state.rooms.break_pens(session);
        state.holders.clear();
        drop(state);
        self.house.tell();
    }

    /// Every session breaks, and every lease with it.
    pub fn break_sessions(&self) {
        self.house.state().holders.clear();
    }

    /// Waits as long as fate says, and fails if it says so.
    async fn enter(&self, what: &str) -> Result<Fate, StoreError> {
        let fate = self.faults.fate(Operation::Documents);
        if !fate.delay.is_zero() {
            tokio::time::sleep(fate.delay).await;
        }
        if fate.fails {
            return Err(unreachable(what));
        }
        Ok(fate)
    }

    async fn ask<T>(
        &self,
        what: &str,
        view: &ViewDefinition,
        answer: impl FnOnce(&Room) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.enter(what).await?;
        answer(self.house.state().rooms.room(&key_of(view))?)
    }
}

impl House {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.moved.send_modify(|count| *count += 1);
    }
}

fn unreachable(what: &str) -> StoreError {
    StoreError::Unreachable {
        what: what.to_owned(),
        source: None,
    }
}

fn refused(what: String) -> StoreError {
    StoreError::Refused { what, source: None }
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn prepare(&self, view: &ViewDefinition) -> Result<(), StoreError> {
        self.enter("prepare a view").await?;
        self.house.state().rooms.prepare(view);
        Ok(())
    }

    async fn lease(&self, view: &ViewDefinition) -> Result<Option<Box<dyn Lease>>, StoreError> {
        self.enter("take a lease").await?;
        let key = key_of(view);
        let mut state = self.house.state();
        if state.holders.contains_key(&key) {
            return Ok(None);
        }
        let session = state.last_session + 1;
        state.rooms.room_mut(&key)?.session = session;
        state.last_session = session;
        state.holders.insert(key, session);
        Ok(Some(Box::new(MemoryLease::new(self.clone(), key, session))))
    }

    async fn get(
        &self,
        view: &ViewDefinition,
        key: &str,
    ) -> Result<Read<Option<Vec<u8>>>, StoreError> {
        self.ask("read a document", view, |room| {
            let kept = room.documents.get(key);
            Ok(room.read(kept.and_then(|kept| kept.document.clone())))
        })
        .await
    }

    async fn page(&self, view: &ViewDefinition, query: &Query) -> Result<Read<Page>, StoreError> {
        self.ask("read a page", view, |room| {
            Ok(room.read(page::page(room, query)?))
        })
        .await
    }

    async fn position(&self, view: &ViewDefinition) -> Result<u64, StoreError> {
        self.ask("read a checkpoint", view, |room| Ok(room.position))
            .await
    }

    async fn reach(
        &self,
        view: &ViewDefinition,
        position: u64,
        wait: Duration,
    ) -> Result<u64, StoreError> {
        let deadline = Instant::now() + wait;
        let mut moved = self.house.moved.subscribe();
        loop {
            let reached = self.position(view).await?;
            if reached >= position {
                return Ok(reached);
            }
            if tokio::time::timeout_at(deadline, moved.changed())
                .await
                .is_err()
            {
                return self.position(view).await;
            }
        }
    }

    async fn status(&self, view: &ViewDefinition) -> Result<ViewStatus, StoreError> {
        self.ask("read a view's status", view, |room| {
            Ok(ViewStatus {
                position: room.position,
                stopped: room.stopped.clone(),
            })
        })
        .await
    }

    async fn current(&self, name: &str) -> Result<Option<u32>, StoreError> {
        self.enter("read a view's version").await?;
        Ok(self.house.state().rooms.current(name))
    }

    async fn clear(&self, view: &ViewDefinition) -> Result<(), StoreError> {
        self.enter("clear a view").await?;
        self.house.state().rooms.room_mut(&key_of(view))?.clear();
        self.house.tell();
        Ok(())
    }

    async fn take_over(&self, view: &ViewDefinition) -> Result<bool, StoreError> {
        self.enter("take over").await?;
        let taken = self.house.state().rooms.take_over(&key_of(view))?;
        self.house.tell();
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::LeaseError;

    #[tokio::test(start_paused = true)]
    async fn documents_in_memory_keep_every_rule() {
        crate::conformance::documents::all(|| async {
            Arc::new(MemoryDocuments::new()) as Arc<dyn Documents>
        })
        .await;
    }

    /// As the simulation found it: a view that was being built went on in what was restored, with events of the lost
    /// history.
    #[tokio::test(start_paused = true)]
    async fn a_restore_breaks_the_pens_that_the_backup_knew() {
        let documents = MemoryDocuments::new();
        let view = ViewDefinition {
            name: "shelves",
            version: 1,
            shadow: false,
            columns: Vec::new(),
        };
        documents.prepare(&view).await.unwrap();
        let mut lease = documents.lease(&view).await.unwrap().unwrap();
        let mut pens = lease.pens(1).await.unwrap();
        documents.restore(documents.backup());
        let written = pens[0].write(&[]).await;
        assert!(matches!(written, Err(LeaseError::Lost)), "{written:?}");
    }
}
