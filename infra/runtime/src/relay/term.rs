//! A term of leadership: from looking what stands in the log to publishing, and again after every failure of the log.

use event_schemas::Source;
use tokio_util::sync::CancellationToken;

use super::halt::Halt;
use super::stream::Stream;
use super::tails::{self, Us};
use super::{Relay, topics, wiped};
use crate::backoff::Backoff;
use crate::ports::{Leadership, StoreError};

pub(super) struct Term<'t> {
    relay: &'t Relay,
    leadership: &'t mut dyn Leadership,
    /// Aggregates of which only the store tells: a newer binary writes them.
    more: Vec<String>,
}

impl<'t> Term<'t> {
    pub(super) fn new(relay: &'t Relay, leadership: &'t mut dyn Leadership) -> Self {
        Self {
            relay,
            leadership,
            more: Vec::new(),
        }
    }

    /// Relays until something else than the log fails. Never ends well.
    pub(super) async fn serve(
        &mut self,
        cancel: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Result<(), Halt> {
        let mut problem = None;
        loop {
            let halt = match self.once(cancel, problem.take()).await {
                Ok(()) => return Err(Halt::Cancelled),
                Err(halt) => halt,
            };
            match halt {
                Halt::Log(_) => {
                    tracing::warn!("the relay begins again at its checkpoint: {}", tell(&halt));
                    self.relay.reporter.rebuilt();
                    self.relay.reporter.starting(None, Some(tell(&halt)));
                    problem = Some(tell(&halt));
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep(backoff.next()) => {}
                        () = cancel.cancelled() => return Err(Halt::Cancelled),
                    }
                }
                Halt::NewAggregate(aggregate) if !self.more.contains(&aggregate) => {
                    self.more.push(aggregate)
                }
                other => return Err(other),
            }
        }
    }

    async fn once(
        &mut self,
        cancel: &CancellationToken,
        problem: Option<String>,
    ) -> Result<(), Halt> {
        let Relay {
            log,
            store,
            options,
            reporter,
            ..
        } = self.relay;
        let mut checkpoint = self.leadership.checkpoint().await?;
        let more: Vec<_> = self
            .more
            .iter()
            .map(|aggregate| options.topic(aggregate))
            .collect();
        reporter.starting(Some(checkpoint.position), problem);
        let aggregates = options.all_aggregates(checkpoint.counts.keys().chain(&more));
        let (mut lanes, edges) = topics::prepare(
            log.as_ref(),
            self.leadership,
            options,
            &aggregates,
            &mut checkpoint,
        )
        .await?;
        let wiped = wiped::find(log.as_ref(), self.leadership, &lanes, &edges).await?;
        if !wiped.is_empty() {
            let told = wiped::tell(&lanes, &wiped);
            if !options.self_heal {
                return Err(Halt::Stopped(told));
            }
            tracing::warn!("the relay refills what was wiped: {told}");
            topics::empty(log.as_ref(), &lanes, &edges, &wiped).await?;
            topics::set_back(&lanes, &edges, &wiped, &mut checkpoint);
            self.leadership.save(&checkpoint).await?;
            lanes = lanes.as_in(&checkpoint);
        }
        let us = self.us(checkpoint.position).await?;
        tails::scan(log.as_ref(), self.leadership, &mut lanes, &edges, &us).await?;
        let publisher = log.publisher().await?;
        let mut stream = Stream::new(
            self.leadership,
            publisher,
            lanes,
            checkpoint,
            us.source,
            store.arrivals(),
            options,
            reporter,
        );
        let ended = stream.run(log.as_ref(), cancel).await;
        stream.end().await;
        ended
    }

    async fn us(&mut self, checkpoint: u64) -> Result<Us, Halt> {
        let incarnations = self.leadership.incarnations().await?;
        let incarnation = *incarnations.last().ok_or_else(|| StoreError::Refused {
            what: "the store has no incarnation; run `jangbu migrate`".to_owned(),
            source: None,
        })?;
        let source = Source {
            store: self.relay.store.source().store,
            incarnation,
        };
        Ok(Us {
            source,
            incarnations,
            checkpoint,
        })
    }
}

fn tell(halt: &Halt) -> String {
    halt.to_string()
}
