//! Following live: every event goes in at once; a checkpoint over events that touch no document may wait for company.

use std::time::Duration;

use kernel::Projection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ProjectOptions;
use super::fold::{Stop, hear};
use super::health::{Sign, ViewState};
use super::write::Writer;
use crate::follow::{Feed, FollowError};
use crate::ports::{Documents, LeaseError, StoreError, ViewDefinition};

/// A version that is as far as the one that is read asks so often to take over: the other one moves too.
const TAKE_OVER_EVERY: Duration = Duration::from_millis(20);

/// Why a view is followed no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LiveEnd {
    #[error("shutting down")]
    Cancelled,
    #[error("event at position {} cannot be folded: {}", .0.position, .0.why)]
    Stopped(Stop),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A view that this process holds the lease of.
pub(super) struct Live<'l> {
    pub(super) view: &'l dyn Projection,
    pub(super) definition: &'l ViewDefinition,
    pub(super) documents: &'l dyn Documents,
    pub(super) options: &'l ProjectOptions,
    pub(super) sign: &'l Sign,
    pub(super) writer: &'l mut Writer,
    pub(super) feed: Feed,
    /// The view stopped earlier, and the stop is noted: it is over once the next event is in.
    pub(super) was_stopped: bool,
    /// Readers see another version still.
    pub(super) takes_over: bool,
}

impl Live<'_> {
    /// Follows until something ends it.
    pub(super) async fn follow(&mut self, cancel: &CancellationToken) -> LiveEnd {
        match self.attempt(cancel).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn attempt(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<std::convert::Infallible, LiveEnd> {
        self.take_over().await?;
        // Of a view that stopped the one event in question is tried first, by itself.
        let mut most = if self.was_stopped {
            1
        } else {
            self.options.batch_events
        };
        let mut quiet_until: Option<Instant> = None;
        loop {
            let take_over_at = Instant::now() + TAKE_OVER_EVERY;
            tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    self.writer.pass_over(self.seen(quiet_until)).await?;
                    return Err(LiveEnd::Cancelled);
                }
                () = until(quiet_until) => {
                    self.writer.pass_over(self.feed.position()).await?;
                    quiet_until = None;
                    self.reached();
                }
                events = self.feed.next_batch(most) => {
                    let events = events?;
                    let begun = Instant::now();
                    let heard = hear(self.view, &events);
                    if heard.touches_nothing() && !self.was_stopped {
                        self.sign.passed(events.len());
                        let quiet = self.options.quiet_checkpoint_after;
                        quiet_until.get_or_insert_with(|| Instant::now() + quiet);
                        continue;
                    }
                    let stop = self.writer.write(self.view, &events, heard).await?;
                    if let Some(stop) = stop {
                        return Err(LiveEnd::Stopped(stop));
                    }
                    quiet_until = None;
                    if self.was_stopped {
                        self.goes_on().await?;
                        most = self.options.batch_events;
                    }
                    self.sign.wrote(events.len(), begun);
                    self.reached();
                }
                () = tokio::time::sleep_until(take_over_at), if self.takes_over => {}
            }
            self.take_over().await?;
        }
    }

    /// The last event that was taken from the feed and passed over.
    fn seen(&self, quiet_until: Option<Instant>) -> u64 {
        quiet_until.map_or(self.writer.position(), |_| self.feed.position())
    }

    async fn goes_on(&mut self) -> Result<(), LeaseError> {
        self.writer.note_stopped(None).await?;
        self.was_stopped = false;
        self.sign.says(ViewState::Live);
        tracing::info!(view = self.definition.name, "the view goes on");
        Ok(())
    }

    /// Becomes what readers see, if it is at or beyond what they see now.
    async fn take_over(&mut self) -> Result<(), StoreError> {
        if self.takes_over && self.documents.take_over(self.definition).await? {
            self.takes_over = false;
            self.sign.says(ViewState::Live);
            let (view, version) = (self.definition.name, self.definition.version);
            tracing::info!(
                view,
                version,
                position = self.writer.position(),
                "readers see this version now"
            );
        }
        Ok(())
    }

    fn reached(&self) {
        self.sign
            .reached(self.writer.position(), self.feed.newest());
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
