//! Keeping one view: take its lease, build it if nobody reads it yet, follow, and begin again after whatever ends that.

use std::sync::Arc;
use std::time::Duration;

use kernel::Projection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ProjectOptions;
use super::build::{BuildFailure, Progress, build};
use super::fold::{Stop, chain};
use super::health::{Sign, ViewState};
use super::live::{Live, LiveEnd};
use super::write::Writer;
use crate::backoff::Backoff;
use crate::follow::Follower;
use crate::ports::{Documents, Lease, StoreError, ViewDefinition, ViewStatus};

/// After the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// One `(view, version)` in this process.
pub(super) struct Keeper {
    pub(super) view: Arc<dyn Projection>,
    pub(super) definition: ViewDefinition,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) follower: Arc<Follower>,
    pub(super) options: ProjectOptions,
    pub(super) sign: Arc<Sign>,
    pub(super) door: Arc<Door>,
    /// Room was made for the view.
    pub(super) prepared: bool,
}

/// What ended a term as holder of the lease, or kept it from beginning.
enum End {
    Cancelled,
    /// Somebody else holds the lease.
    Taken,
    Stopped(Stop),
    Failed(String),
}

/// All keepers of a process pass one door, one at a time, and whoever got a lease keeps it shut for a moment: so other
/// processes get leases too.
pub(super) struct Door(Mutex<Instant>);

impl Door {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Keeper {
    /// Keeps the view until it is cancelled.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT);
        let mut random = SmallRng::seed_from_u64(self.seed());
        loop {
            let mut stopped = None;
            let wait = match self.term(&cancel).await {
                End::Cancelled => return,
                End::Taken => {
                    self.sign.says(ViewState::Waiting);
                    self.options.lease_retry
                }
                End::Stopped(stop) => {
                    self.sign.stopped(&stop);
                    stopped = Some(stop);
                    self.options.stopped_retry
                }
                End::Failed(why) => {
                    let (view, version) = (self.definition.name, self.definition.version);
                    tracing::warn!(view, version, why, "a view stands still; it is tried again");
                    self.sign.says(ViewState::Failing { why });
                    self.prepared = false;
                    backoff.next()
                }
            };
            let wait = wait.mul_f64(random.random_range(0.75..1.25));
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = self.sign.resumed() => {}
                () = self.is_over(stopped) => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Waits until somebody else ended a stop: a rebuild, an operator, a binary that can read the event.
    async fn is_over(&self, stop: Option<Stop>) {
        let Some(stop) = stop else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(self.options.lease_retry).await;
            let status = self.documents.status(&self.definition).await;
            let stands = |status: ViewStatus| {
                let stopped = status.stopped;
                stopped.is_some_and(|(position, _)| position == stop.position)
            };
            if status.is_ok_and(|status| !stands(status)) {
                return;
            }
        }
    }

    /// Different in each process and for each view, and the same in every run of a simulation.
    fn seed(&self) -> u64 {
        let name = self.definition.name.bytes();
        name.fold(
            self.options.seed ^ u64::from(self.definition.version),
            |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3),
        )
    }

    async fn term(&mut self, cancel: &CancellationToken) -> End {
        let begun = tokio::select! {
            biased;
            () = cancel.cancelled() => return End::Cancelled,
            begun = self.begin() => begun,
        };
        match begun {
            Ok(Some((lease, status, current))) => {
                let writer = match Writer::new(lease).await {
                    Ok(writer) => writer,
                    Err(error) => return End::Failed(chain(&error)),
                };
                self.hold(writer, status, current, cancel).await
            }
            Ok(None) => End::Taken,
            Err(error) => End::Failed(chain(&error)),
        }
    }

    /// Tries the lease; with it comes how the view stands, and which version readers see.
    async fn begin(
        &mut self,
    ) -> Result<Option<(Box<dyn Lease>, ViewStatus, Option<u32>)>, StoreError> {
        if !self.prepared {
            self.documents.prepare(&self.definition).await?;
            self.prepared = true;
        }
        let lease = {
            let mut open_at = self.door.0.lock().await;
            tokio::time::sleep_until(*open_at).await;
            let lease = self.documents.lease(&self.definition).await?;
            if lease.is_some() {
                *open_at = Instant::now() + self.options.lease_spread;
            }
            lease
        };
        let Some(lease) = lease else { return Ok(None) };
        let status = self.documents.status(&self.definition).await?;
        let current = self.documents.current(self.definition.name).await?;
        Ok(Some((lease, status, current)))
    }

    async fn hold(
        &self,
        mut writer: Writer,
        status: ViewStatus,
        current: Option<u32>,
        cancel: &CancellationToken,
    ) -> End {
        let (view, version) = (self.definition.name, self.definition.version);
        tracing::info!(
            view,
            version,
            position = writer.position(),
            "took the lease of a view"
        );
        let takes_over = current.is_none_or(|current| current < version);
        let was_stopped = status.stopped.is_some();
        let end = match self
            .catch_up(&mut writer, takes_over, was_stopped, cancel)
            .await
        {
            Ok(()) => {
                let mut live = Live {
                    view: &*self.view,
                    definition: &self.definition,
                    documents: &*self.documents,
                    options: &self.options,
                    sign: &self.sign,
                    feed: self.follower.subscribe(writer.position()),
                    writer: &mut writer,
                    was_stopped: was_stopped && !takes_over,
                    takes_over,
                };
                live.follow(cancel).await
            }
            Err(end) => end,
        };
        let end = match end {
            LiveEnd::Cancelled => End::Cancelled,
            LiveEnd::Stopped(stop) => self.stop(&mut writer, stop, status).await,
            failure => End::Failed(chain(&failure)),
        };
        writer.end().await;
        end
    }

    /// Before following: a version that nobody reads yet is built from the store.
    async fn catch_up(
        &self,
        writer: &mut Writer,
        builds: bool,
        was_stopped: bool,
        cancel: &CancellationToken,
    ) -> Result<(), LiveEnd> {
        let store = self.follower.store();
        let head = store.head().await?.position;
        self.sign.reached(writer.position(), head);
        if writer.position() > head {
            let why = format!(
                "the view is ahead of the store, which ends at {head}: history was restored without it; rebuild it"
            );
            let position = writer.position();
            return Err(LiveEnd::Stopped(Stop { position, why }));
        }
        if !builds {
            if !was_stopped {
                self.sign.says(ViewState::Live);
            }
            return Ok(());
        }
        self.sign.says(ViewState::Building { goal: head });
        let mut progress = |progress: Progress| self.sign.reached(progress.position, progress.goal);
        let built = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(LiveEnd::Cancelled),
            built = build(&*self.view, writer, store, &self.options, &mut progress) => built,
        };
        match built {
            Ok(()) if was_stopped => Ok(writer.note_stopped(None).await?),
            Ok(()) => Ok(()),
            Err(BuildFailure::Stopped(stop)) => Err(LiveEnd::Stopped(stop)),
            Err(BuildFailure::Lease(error)) => Err(error.into()),
            Err(BuildFailure::Follow(error)) => Err(error.into()),
        }
    }

    /// Notes a stop for everybody to see. The lease is given back: a binary that can read the event may have it.
    async fn stop(&self, writer: &mut Writer, stop: Stop, status: ViewStatus) -> End {
        let noted = status.stopped == Some((stop.position, stop.why.clone()));
        if !noted {
            let (view, version) = (self.definition.name, self.definition.version);
            let Stop { position, why } = &stop;
            tracing::error!(
                view,
                version,
                position,
                why,
                "the view stopped; it shows everything before"
            );
            if let Err(error) = writer.note_stopped(Some(&stop)).await {
                return End::Failed(chain(&error));
            }
        }
        End::Stopped(stop)
    }
}
