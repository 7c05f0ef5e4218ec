//! Turns at contended aggregates: a session-level advisory lock each, on a session of its own.
//!
//! One session for several locks deadlocks: two processes that hold one and wait for the other's on the same session
//! cannot be told apart from one that is merely slow.

use std::time::Duration;

use async_trait::async_trait;
use jangbu_runtime::ports::{StoreError, Stream, Turn};
use sha2::{Digest, Sha256};
use sqlx::query;
use tokio::time::Instant;

use crate::error::said;
use crate::postgres::Shared;
use crate::session::Failure;
use crate::sessions::Taken;

/// lock_not_available: the lock did not come in time.
const NOT_IN_TIME: &str = "55P03";

struct PostgresTurn {
    session: Taken,
    key: i64,
    ended: bool,
}

impl Shared {
    pub(crate) async fn turn(
        &self,
        stream: &Stream,
        wait: Duration,
    ) -> Result<Option<Box<dyn Turn>>, StoreError> {
        let until = Instant::now() + wait;
        let mut session = match self.turns.take_within(wait).await {
            Ok(session) => session,
            Err(error) if Instant::now() < until => return Err(error),
            Err(_) => return Ok(None),
        };
        let key = self.lock_key(&["turn", &stream.aggregate, &stream.id]);
        let left = until
            .saturating_duration_since(Instant::now())
            .as_millis()
            .max(1);
        // The timeout is set as part of the statement that waits, which saves a round trip.
        let lock = query("SELECT set_config('lock_timeout', $1, false), pg_advisory_lock($2)")
            .bind(format!("{left}ms"))
            .bind(key);
        match session.try_rows(lock).await {
            Ok(_) => Ok(Some(Box::new(PostgresTurn {
                session,
                key,
                ended: false,
            }))),
            Err(Failure::Driver(error))
                if said(&error).is_some_and(|said| said.code() == NOT_IN_TIME) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into_store_error("take a turn")),
        }
    }

    /// The advisory lock of something in this store. Two things with one key merely wait for each other.
    pub(crate) fn lock_key(&self, parts: &[&str]) -> i64 {
        let mut hasher = Sha256::new();
        for part in [&[self.schema.as_str()], parts].concat() {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        i64::from_be_bytes(digest[..8].try_into().expect("eight bytes of thirty-two"))
    }
}

#[async_trait]
impl Turn for PostgresTurn {
    async fn end(mut self: Box<Self>) {
        let unlock = query("SELECT pg_advisory_unlock($1)").bind(self.key);
        self.ended = self
            .session
            .execute("give a turn back", unlock)
            .await
            .is_ok();
    }
}

impl Drop for PostgresTurn {
    fn drop(&mut self) {
        // Dropped without an end: the session goes, and the lock with it.
        if !self.ended {
            self.session.lose();
        }
    }
}
