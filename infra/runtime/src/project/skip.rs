//! Skipping the one event at which a view stopped: an operator's decision, never ours.

use kernel::Projection;

use super::definition_of;
use crate::ports::{Documents, LeaseError, StoreError};

/// Why nothing was skipped.
#[derive(Debug, thiserror::Error)]
pub enum SkipError {
    /// The view did not stop there.
    #[error("view {view} did not stop at position {position}")]
    NotStopped {
        /// The view.
        view: &'static str,
        /// Where it was said to have stopped.
        position: u64,
    },
    /// Somebody is trying the event just now.
    #[error("view {view} is at work just now; try again")]
    AtWork {
        /// The view.
        view: &'static str,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl From<StoreError> for SkipError {
    fn from(error: StoreError) -> Self {
        Self::Lease(error.into())
    }
}

/// Moves a stopped view over the event it stopped at. From then on it is no longer the fold of all events; whoever calls
/// this writes down who wanted it, and why.
///
/// # Errors
/// See [`SkipError`].
pub async fn skip(
    view: &dyn Projection,
    position: u64,
    documents: &dyn Documents,
) -> Result<(), SkipError> {
    let definition = definition_of(view);
    let name = view.name();
    let lease = documents.lease(&definition).await?;
    let mut lease = lease.ok_or(SkipError::AtWork { view: name })?;
    let status = documents.status(&definition).await?;
    let stopped_here = status.stopped.is_some_and(|(at, _)| at == position);
    if !stopped_here || status.position + 1 != position {
        lease.end().await;
        return Err(SkipError::NotStopped {
            view: name,
            position,
        });
    }
    lease.commit(status.position, position, &[]).await?;
    lease.note_stopped(None).await?;
    lease.end().await;
    Ok(())
}
