//! A bounded set of sessions that are handed out one by one.
//!
//! Not sqlx's pool: that one swallows the reason why a new connection was not taken, which here may be that history
//! forked, and asks the server once more each time a connection comes back.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jangbu_runtime::ports::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::session::{Door, Session, within};

/// For a session to come free.
const TAKE_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Sessions {
    door: Door,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Session>>>,
}

impl Sessions {
    pub(crate) fn new(door: Door, size: usize) -> Self {
        Self {
            door,
            free: Arc::new(Semaphore::new(size)),
            idle: Arc::default(),
        }
    }

    /// A session of one's own until it is dropped.
    pub(crate) async fn take(&self) -> Result<Taken, StoreError> {
        self.take_within(TAKE_DEADLINE).await
    }

    pub(crate) async fn take_within(&self, deadline: Duration) -> Result<Taken, StoreError> {
        let permit = within(
            deadline,
            "wait for a session",
            Arc::clone(&self.free).acquire_owned(),
        )
        .await?;
        let permit = permit.map_err(|_| StoreError::Unreachable {
            what: "closed".to_owned(),
            source: None,
        })?;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let session = match idle {
            Some(session) => session,
            None => self.door.open().await?,
        };
        Ok(Taken {
            session: Some(session),
            idle: Arc::clone(&self.idle),
            lost: false,
            _permit: permit,
        })
    }

    /// Hands out no more, and says goodbye on those that are idle.
    pub(crate) async fn close(&self) {
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for session in idle {
            session.close().await;
        }
    }
}

/// A session in use. Dropped, it goes back if it is whole.
pub(crate) struct Taken {
    session: Option<Session>,
    idle: Arc<Mutex<Vec<Session>>>,
    lost: bool,
    _permit: OwnedSemaphorePermit,
}

impl Taken {
    /// It must not be handed out again: it may hold a lock or an open transaction.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }
}

impl Deref for Taken {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
            .as_ref()
            .expect("a session in use is there until it is dropped")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
            .as_mut()
            .expect("a session in use is there until it is dropped")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_broken() {
            // Where one broke the others most likely did, too; each would cost somebody an error to find out.
            idle.clear();
        } else if !self.lost {
            idle.push(session);
        }
    }
}
