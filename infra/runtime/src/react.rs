//! React: the policies of a context hear every event that concerns them, and act on it effectively once.
//!
//! At least once from the log, in order per key; at most once in the store, because a command's id is made of the
//! policy and the event. What is in between may be lost, repeated or interrupted at any moment.
//!
//! Read on in this order: a [`Reactor`] joins the context's group again and again (`session`); records become events
//! of lanes (`intake`, with `refill` for what the log lost and `doubt` for what it may have made up); lanes run (`runs`,
//! `lane`), and what cannot be reacted
//! to is put aside (`parking`, `redrive`); progress follows (`track`, `saving`).

mod session;
mod state;
mod turn;
mod job;
mod assign;
mod intake;
mod incoming;
mod partition;
mod refill;
mod doubt;
mod until;
mod runs;
mod lane;
mod item;
mod ask;
mod parking;
mod health;
mod track;
mod saving;
mod looking;
mod redrive;
mod parked_row;
mod meter;
mod options;
pub mod span;

use std::sync::Arc;
use std::time::Duration;

use event_schemas::EventType;
use tokio_util::sync::CancellationToken;

pub use options::ReactOptions;
pub use redrive::{Left, Redriven, redrive};

use self::session::{Ended, Session};
use crate::execute::Execute;
use crate::ports::{Clock, EventStore, Log, Progress, RelayLedger};
use crate::system::{ContextDefinition, Policy};

/// What a reactor works with.
#[derive(Clone)]
pub struct Dependencies {
    /// Where events are heard.
    pub log: Arc<dyn Log>,
    /// Where it is kept how far they were heard.
    pub progress: Arc<dyn Progress>,
    /// Where events stand.
    pub store: Arc<dyn EventStore>,
    /// Where it is kept how far they were sent.
    pub ledger: Arc<dyn RelayLedger>,
    /// Whom policies ask.
    pub execute: Arc<dyn Execute>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Reacts for one context, in one process. Any number of processes may do so at once.
pub struct Reactor {
    context: Arc<Reacting>,
    with: Dependencies,
}

/// What reacts, and how.
struct Reacting {
    name: &'static str,
    policies: Vec<Arc<Policy>>,
    /// Topic, aggregate, and every event that this binary knows of it.
    topics: Vec<(Arc<str>, &'static str, &'static [EventType])>,
    group: String,
    options: ReactOptions,
}

impl Reactor {
    /// A reactor for a context's policies.
    #[must_use]
    pub fn new(context: &ContextDefinition, with: Dependencies, options: ReactOptions) -> Self {
        let policies = context.policies().to_vec();
        let topics = context
            .listens_to()
            .into_iter()
            .map(|aggregate| {
                let known = policies
                    .iter()
                    .find(|policy| policy.hears().0 == aggregate)
                    .map_or(&[][..], |policy| policy.heard_list());
                let topic = format!("{}{aggregate}", options.prefix);
                (topic.into(), aggregate, known)
            })
            .collect();
        let context = Reacting {
            name: context.name(),
            policies,
            topics,
            group: options.group(context.name()),
            options,
        };
        Self {
            context: Arc::new(context),
            with,
        }
    }

    /// The consumer group it is a member of.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.context.group
    }

    /// Reacts until it is cancelled; then drains, saves its progress, leaves the group and returns.
    pub async fn run(&self, cancel: CancellationToken) {
        if self.context.policies.is_empty() {
            return;
        }
        let mut wait = self.context.options.first_wait;
        loop {
            let joined = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                joined = Session::join(&self.context, &self.with) => joined,
            };
            let ended = match joined {
                Ok(session) => {
                    wait = self.context.options.first_wait;
                    session.run(&cancel).await
                }
                Err(error) => Ended::Log(error),
            };
            match ended {
                Ended::Cancelled => return,
                Ended::OtherHistory => tracing::warn!(
                    context = self.context.name,
                    "the store has another history: whatever was in hand is dropped"
                ),
                Ended::Log(error) => tracing::warn!(
                    context = self.context.name, %error,
                    "the log failed; the group is joined anew"
                ),
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = longer(wait, self.context.options.longest_wait);
        }
    }
}

fn longer(wait: Duration, longest: Duration) -> Duration {
    (wait * 2).min(longest)
}

#[cfg(test)]
mod tests;
