//! Rebuilding a version while it serves: a shadow is built from nothing and takes its place.

use std::sync::Arc;
use std::time::Duration;

use kernel::Projection;
use tokio_util::sync::CancellationToken;

use super::build::{BuildFailure, Progress, build};
use super::fold::Stop;
use super::write::Writer;
use super::{ProjectOptions, definition_of};
use crate::follow::{FollowError, StoreReader};
use crate::ports::{Documents, EventStore, LeaseError, StoreError, ViewDefinition};

/// While the other one is ahead by a hair, the shadow looks for new events this often.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Why a view was not rebuilt. What readers see is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process is at it.
    #[error("view {view} is being rebuilt already")]
    AlreadyRebuilding {
        /// The view.
        view: &'static str,
    },
    /// The fold of today cannot read the history.
    #[error("view {view} cannot fold the event at position {position}: {why}")]
    Stopped {
        /// The view.
        view: &'static str,
        /// The event's position.
        position: u64,
        /// Why.
        why: String,
    },
    /// It was asked to stop.
    #[error("the rebuild was cancelled")]
    Cancelled,
    /// The lease of the shadow was lost, or the store of documents gave no answer.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The event store gave no answer, or holds another history now.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

impl From<StoreError> for RebuildError {
    fn from(error: StoreError) -> Self {
        Self::Lease(error.into())
    }
}

/// What a rebuild needs.
pub struct Rebuild {
    /// Which view, in the version of this binary.
    pub view: Arc<dyn Projection>,
    /// Where it is written.
    pub documents: Arc<dyn Documents>,
    /// Where the events are.
    pub store: Arc<dyn EventStore>,
    /// Batch, pens and pace of building.
    pub options: ProjectOptions,
}

/// Builds a view anew while it serves, beside it, and puts it in its place; a stop of the old one is over with that.
/// Readers see the old one until then and the new one from then on. Answers the position at which it took over.
///
/// # Errors
/// See [`RebuildError`]; begin again.
pub async fn rebuild(
    rebuild: &Rebuild,
    progress: &mut (dyn FnMut(Progress) + Send),
    cancel: &CancellationToken,
) -> Result<u64, RebuildError> {
    let name = rebuild.view.name();
    let shadow = ViewDefinition {
        shadow: true,
        ..definition_of(&*rebuild.view)
    };
    // The place it will take must be there.
    rebuild
        .documents
        .prepare(&definition_of(&*rebuild.view))
        .await?;
    rebuild.documents.prepare(&shadow).await?;
    let lease = rebuild.documents.lease(&shadow).await?;
    let lease = lease.ok_or(RebuildError::AlreadyRebuilding { view: name })?;
    // An earlier rebuild may have died half-way.
    rebuild.documents.clear(&shadow).await?;
    let mut writer = Writer::new(lease).await?;
    let built = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(RebuildError::Cancelled),
        built = rebuild.build_and_swap(&shadow, &mut writer, progress) => built,
    };
    writer.end().await;
    built
}

impl Rebuild {
    async fn build_and_swap(
        &self,
        shadow: &ViewDefinition,
        writer: &mut Writer,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<u64, RebuildError> {
        let view = &*self.view;
        build(view, writer, &self.store, &self.options, progress)
            .await
            .map_err(|failure| self.failed(failure))?;
        let mut reader = StoreReader::new(Arc::clone(&self.store));
        while !self.documents.take_over(shadow).await? {
            // The one that serves is ahead: it goes on all the while.
            let events = reader
                .read(writer.position(), self.options.build_batch_events)
                .await?;
            if events.is_empty() {
                tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            }
            if let Some(stop) = writer.apply(view, &events).await? {
                return Err(self.failed(BuildFailure::Stopped(stop)));
            }
        }
        Ok(writer.position())
    }

    fn failed(&self, failure: BuildFailure) -> RebuildError {
        match failure {
            BuildFailure::Stopped(Stop { position, why }) => RebuildError::Stopped {
                view: self.view.name(),
                position,
                why,
            },
            BuildFailure::Lease(error) => error.into(),
            BuildFailure::Follow(error) => error.into(),
        }
    }
}
