//! After an append whose outcome nobody knows: wait until its backend is certainly gone.

use std::time::Duration;

use jangbu_runtime::ports::StoreError;
use sqlx::query;
use tokio::time::Instant;

use super::PostgresAppender;
use crate::envelope::get;
use crate::error::too_late;
use crate::session::{Backend, Session};

/// For one attempt; the caller makes others.
const GONE_DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks, at first and at most.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_millis(200);

impl PostgresAppender {
    pub(super) async fn recover_session(&mut self) -> Result<(), StoreError> {
        // Not the old session, whatever it says of itself: a new one makes sure that history still stands.
        self.session = None;
        let mut session = self.store.shared.door.open().await?;
        if let Some(backend) = self.lost {
            wait_until_gone(&mut session, backend).await?;
            self.lost = None;
        }
        self.session = Some(session);
        Ok(())
    }
}

/// Returns once the backend is gone; its transaction is then either visible or undone.
async fn wait_until_gone(session: &mut Session, backend: Backend) -> Result<(), StoreError> {
    let until = Instant::now() + GONE_DEADLINE;
    let mut pause = LOOK_AGAIN;
    loop {
        // A backend that waits for a standby has committed already. Ending it would make the commit visible before it
        // is safe, so it is left alone.
        let look = query(
            "SELECT CASE WHEN wait_event IS DISTINCT FROM 'SyncRep' THEN pg_terminate_backend(pid) END
            FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2",
        )
        .bind(backend.pid)
        .bind(backend.started);
        match session.row("look for the old backend", look).await? {
            None => return Ok(()),
            Some(row) => {
                let ended: Option<bool> = get(&row, 0)?;
                tracing::debug!(
                    pid = backend.pid,
                    ?ended,
                    "the backend of an append is still there"
                );
            }
        }
        if Instant::now() >= until {
            return Err(too_late("wait for the old backend to end"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_AGAIN_AT_MOST);
    }
}
