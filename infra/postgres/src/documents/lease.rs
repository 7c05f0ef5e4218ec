//! The lease of a `(view, version)`: a session-level advisory lock, and a number that outdates whoever had it before.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jangbu_runtime::ports::{Lease, LeaseError, Pen, StoreError, ViewDefinition};
use kernel::{Change, Found};
use sqlx::query;

use super::write::{Room, Written};
use super::{no_room, of_view};
use crate::envelope::{get, number};
use crate::postgres::{Postgres, Shared};
use crate::session::Session;

/// What a crash takes is folded again: the log is written in order, so a checkpoint that is there has its documents.
const NEED_NOT_WAIT: &str = "SET synchronous_commit = off";
/// Sessions a rebuild may use beside the lease's own.
const PENS: usize = 4;

struct PostgresLease {
    session: Session,
    room: Arc<Room>,
    held: Held,
}

/// The view that is kept here, for as long as the lease is.
struct Held {
    store: Postgres,
    view: ViewDefinition,
}

impl Held {
    fn reached(&self, position: u64) {
        self.store.shared.marks.reached(&self.view, position);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.store.shared.marks.let_go(&self.view);
    }
}

/// Takes the lease, if nobody has it.
pub(super) async fn take(
    store: &Postgres,
    view: &ViewDefinition,
) -> Result<Option<Box<dyn Lease>>, StoreError> {
    let shared = &store.shared;
    let mut session = shared.door.open().await?;
    let shadow = if view.shadow { "shadow" } else { "" };
    let key = shared.lock_key(&["view", view.name, &view.version.to_string(), shadow]);
    let lock = query("SELECT pg_try_advisory_lock($1)").bind(key);
    let row = session
        .row("take the lease of a view", lock)
        .await?
        .ok_or_else(|| no_room(view))?;
    if !get::<bool>(&row, 0)? {
        session.close().await;
        return Ok(None);
    }
    let begin = query(concat!(
        "UPDATE view_checkpoints c SET lease = c.lease + 1 WHERE ",
        of_view!(),
        " RETURNING c.lease"
    ))
    .bind(view.name)
    .bind(view.version.cast_signed())
    .bind(view.shadow);
    let row = session
        .row("begin a lease", begin)
        .await?
        .ok_or_else(|| no_room(view))?;
    let room = Arc::new(Room::of(view, get(&row, 0)?)?);
    session.command(NEED_NOT_WAIT).await?;
    let held = Held {
        store: store.clone(),
        view: view.clone(),
    };
    Ok(Some(Box::new(PostgresLease {
        session,
        room,
        held,
    })))
}

/// Whatever went wrong: once the session is gone, so is the lease.
fn lost_or(session: &Session, error: StoreError) -> LeaseError {
    match error {
        forked @ StoreError::Forked { .. } => LeaseError::Store(forked),
        _ if session.is_broken() => LeaseError::Lost,
        other => LeaseError::Store(other),
    }
}

fn held(written: Written) -> Result<(), LeaseError> {
    match written {
        Written::Done => Ok(()),
        Written::NotOurs => Err(LeaseError::Lost),
    }
}

#[async_trait]
impl Lease for PostgresLease {
    async fn position(&mut self) -> Result<u64, LeaseError> {
        let read = self
            .session
            .row("read a view's checkpoint", self.room.checkpoint())
            .await;
        match read {
            Ok(Some(row)) => Ok(number(&row, 0)?),
            Ok(None) => Err(LeaseError::Lost),
            Err(error) => Err(lost_or(&self.session, error)),
        }
    }

    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        let found = self.room.documents(&mut self.session, keys).await;
        found.map_err(|error| lost_or(&self.session, error))
    }

    async fn commit(&mut self, from: u64, to: u64, changes: &[Change]) -> Result<(), LeaseError> {
        let written = self.room.commit(&mut self.session, from, to, changes).await;
        held(written.map_err(|error| lost_or(&self.session, error))?)?;
        self.held.reached(to);
        Ok(())
    }

    async fn note_stopped(&mut self, stopped: Option<(u64, &str)>) -> Result<(), LeaseError> {
        let noted = self
            .session
            .execute("note that a view stopped", self.room.stop(stopped))
            .await;
        match noted {
            Ok(1..) => Ok(()),
            Ok(0) => Err(LeaseError::Lost),
            Err(error) => Err(lost_or(&self.session, error)),
        }
    }

    async fn pens(&mut self, count: usize) -> Result<Vec<Box<dyn Pen>>, LeaseError> {
        let mut pens: Vec<Box<dyn Pen>> = Vec::new();
        for _ in 0..count.min(PENS) {
            let mut session = self.held.store.shared.door.open().await?;
            session.command(NEED_NOT_WAIT).await?;
            pens.push(Box::new(PostgresPen {
                _shared: Arc::clone(&self.held.store.shared),
                session,
                room: Arc::clone(&self.room),
            }));
        }
        Ok(pens)
    }

    async fn end(self: Box<Self>) {
        // The lock goes with the session.
        self.session.close().await;
    }
}

struct PostgresPen {
    _shared: Arc<Shared>,
    session: Session,
    room: Arc<Room>,
}

#[async_trait]
impl Pen for PostgresPen {
    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError> {
        let found = self.room.documents(&mut self.session, keys).await;
        found.map_err(|error| lost_or(&self.session, error))
    }

    async fn write(&mut self, changes: &[Change]) -> Result<(), LeaseError> {
        let written = self.room.write_ahead(&mut self.session, changes).await;
        held(written.map_err(|error| lost_or(&self.session, error))?)
    }
}
