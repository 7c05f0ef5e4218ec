//! The relay carries stored events to the log: in position order, each at least once, and read by the one-integer rule
//! exactly once.
//!
//! One process leads at a time. A term of leadership begins by looking what stands in the log already ([`tails`]) and
//! then streams from the checkpoint on ([`stream`]). Whatever fails begins the term again at the checkpoint; what cannot
//! be trusted stops the relay until somebody repairs it, and says so.

mod options;
mod status;

mod term;
mod topics;
mod wiped;
mod tails;
mod stream;

mod evidence;
mod lanes;
mod window;
mod halt;

pub mod repair;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use options::{DEFAULT_PARTITIONS, RelayOptions};
pub use status::{Phase, RelayStatus};

use crate::backoff::Backoff;
use crate::ports::{EventStore, Log, RelayLedger};
use halt::Halt;
use status::Reporter;
use term::Term;

/// After the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How often a process that does not lead asks whether it may.
const CANDIDATE_EVERY: Duration = Duration::from_secs(1);
/// What a term may take to finish once it is told to end.
const END_WITHIN: Duration = Duration::from_secs(10);

/// One process's relay: a candidate, or the leader.
pub struct Relay {
    ledger: Arc<dyn RelayLedger>,
    log: Arc<dyn Log>,
    store: Arc<dyn EventStore>,
    options: RelayOptions,
    reporter: Reporter,
}

impl Relay {
    /// A relay that does nothing yet; see [`Self::run`].
    #[must_use]
    pub fn new(
        ledger: Arc<dyn RelayLedger>,
        log: Arc<dyn Log>,
        store: Arc<dyn EventStore>,
        options: RelayOptions,
    ) -> Self {
        Self {
            ledger,
            log,
            store,
            options,
            reporter: Reporter::default(),
        }
    }

    /// How it is going.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<RelayStatus> {
        self.reporter.subscribe()
    }

    /// Leads whenever it may, until it is cancelled. Then it takes in what is on its way, writes the checkpoint and lets
    /// leadership go.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT);
        while !cancel.is_cancelled() {
            let term = self.candidate(&cancel, &mut backoff);
            let ended = tokio::select! {
                biased;
                ended = term => ended,
                () = overdue(&cancel) => {
                    tracing::warn!("the relay did not end within {END_WITHIN:?} and is dropped as it is");
                    break;
                }
            };
            let wait = match ended {
                Ok(()) => CANDIDATE_EVERY,
                Err(Halt::Cancelled) => break,
                Err(Halt::Stopped(why)) => {
                    self.reporter.stopped(&why);
                    CANDIDATE_EVERY
                }
                Err(halt) => {
                    tracing::warn!("the relay begins anew: {halt}");
                    self.reporter.candidate(Some(halt.to_string()));
                    backoff.next()
                }
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => {}
            }
        }
        self.reporter.candidate(None);
    }

    /// Asks to lead, and leads. Ends well where somebody else does.
    async fn candidate(
        &self,
        cancel: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Result<(), Halt> {
        if let Some(why) = self.ledger.stopped().await? {
            return Err(Halt::Stopped(why));
        }
        let Some(mut leadership) = self.ledger.lead().await? else {
            self.reporter.candidate(None);
            return Ok(());
        };
        let mut term = Term::new(self, leadership.as_mut());
        let ended = term.serve(cancel, backoff).await;
        if let Err(Halt::Stopped(why)) = &ended {
            tracing::error!("the relay stops: {why}");
            leadership.note_stopped(Some(why)).await?;
        }
        ended
    }
}

async fn overdue(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(END_WITHIN).await;
}
