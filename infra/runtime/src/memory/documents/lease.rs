//! The lease of a room, and the pens under it.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use kernel::{Change, Found};

use super::rooms::{Room, RoomKey};
use super::{MemoryDocuments, unreachable};
use crate::ports::{Lease, LeaseError, Pen};

/// Held until it is ended, dropped, or its session broken.
pub(super) struct MemoryLease {
    documents: MemoryDocuments,
    key: RoomKey,
    session: u64,
}

impl MemoryLease {
    pub(super) fn new(documents: MemoryDocuments, key: RoomKey, session: u64) -> Self {
        Self {
            documents,
            key,
            session,
        }
    }

    /// Does something in the room, if the lease still stands.
    async fn within<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut Room) -> Result<T, LeaseError>,
    ) -> Result<T, LeaseError> {
        let fate = self.documents.enter(what).await?;
        let done = {
            let mut state = self.documents.house.state();
            if state.holders.get(&self.key) != Some(&self.session) {
                return Err(LeaseError::Lost);
            }
            act(state.rooms.room_mut(&self.key)?)?
        };
        self.documents.house.tell();
        match fate.answer_lost {
            Some(_) => Err(LeaseError::Store(unreachable(what))),
            None => Ok(done),
        }
    }
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        let mut state = self.documents.house.state();
        if state.holders.get(&self.key) == Some(&self.session) {
            state.holders.remove(&self.key);
        }
    }
}

#[async_trait]
impl Lease for MemoryLease {
    async fn position(&mut self) -> Result<u64, LeaseError> {
        self.within("read a checkpoint", |room| Ok(room.position))
            .await
    }

    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        self.within("read documents", |room| Ok(room.found(keys)))
            .await
    }

    async fn commit(&mut self, from: u64, to: u64, changes: &[Change]) -> Result<(), LeaseError> {
        self.within("commit to a view", |room| {
            if room.position != from {
                return Err(LeaseError::Lost);
            }
            room.put(changes);
            room.position = to;
            Ok(())
        })
        .await
    }

    async fn note_stopped(&mut self, stopped: Option<(u64, &str)>) -> Result<(), LeaseError> {
        let stopped = stopped.map(|(position, why)| (position, why.to_owned()));
        self.within("note that a view stopped", |room| {
            room.stopped = stopped;
            Ok(())
        })
        .await
    }

    async fn pens(&mut self, count: usize) -> Result<Vec<Box<dyn Pen>>, LeaseError> {
        let pen = || -> Box<dyn Pen> {
            Box::new(MemoryPen {
                documents: self.documents.clone(),
                key: self.key,
                session: self.session,
            })
        };
        self.within("take pens", |_| Ok((0..count).map(|_| pen()).collect()))
            .await
    }

    async fn end(self: Box<Self>) {}
}

struct MemoryPen {
    documents: MemoryDocuments,
    key: RoomKey,
    session: u64,
}

impl MemoryPen {
    async fn within<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut Room) -> T,
    ) -> Result<T, LeaseError> {
        let fate = self.documents.enter(what).await?;
        let done = {
            let mut state = self.documents.house.state();
            let room = state.rooms.room_mut(&self.key)?;
            if room.session != self.session {
                return Err(LeaseError::Lost);
            }
            act(room)
        };
        match fate.answer_lost {
            Some(_) => Err(LeaseError::Store(unreachable(what))),
            None => Ok(done),
        }
    }
}

#[async_trait]
impl Pen for MemoryPen {
    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        self.within("read documents", |room| room.found(keys)).await
    }

    async fn write(&mut self, changes: &[Change]) -> Result<(), LeaseError> {
        self.within("write documents", |room| room.put_ahead(changes))
            .await
    }
}
