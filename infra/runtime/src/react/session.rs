//! One membership in the context's group, from joining to leaving.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::partition::Phase;
use super::state::{Start, State, SubscriberOrder};
use super::until::until_told;
use super::{Dependencies, Reacting};
use crate::ports::{LogError, Subscriber, SubscriberEvent, TopicPartition};

/// How long the log is listened to before orders to it are looked at again.
const LISTEN: Duration = Duration::from_millis(100);
/// The same while an order is expected: a partition about to be read, or paused.
const LISTEN_SHORTLY: Duration = Duration::from_millis(5);
/// How long a partition that is ours may refuse to be read before the group is joined anew.
const START_WITHIN: Duration = Duration::from_secs(5);
/// How long the last saving may take.
const LAST_SAVE: Duration = Duration::from_secs(3);

/// Why a membership ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was asked to.
    Cancelled,
    /// The store's history is another: everything in hand was of the old one.
    OtherHistory,
    /// The log failed.
    Log(LogError),
}

pub(super) struct Session {
    subscriber: Box<dyn Subscriber>,
    state: State,
    leaving: Option<Leaving>,
}

/// Partitions that are being taken from us.
struct Leaving {
    partitions: Vec<TopicPartition>,
    until: Instant,
}

enum Told {
    Cancelled,
    Nothing,
    Heard(SubscriberEvent),
    Drained,
}

impl Session {
    /// Registers the policies and joins the group.
    pub(super) async fn join(
        context: &Arc<Reacting>,
        with: &Dependencies,
    ) -> Result<Self, LogError> {
        let source = with.store.source();
        let wait = context.options.longest_wait;
        let head = until_told(wait, "where the store ends", || with.store.head()).await;
        let policies: Vec<_> = context
            .policies
            .iter()
            .map(|policy| {
                let from = if policy.is_from_the_beginning() {
                    0
                } else {
                    head.position
                };
                (policy.name().to_owned(), from)
            })
            .collect();
        until_told(wait, "whether policies are registered", || {
            with.progress.register(context.name, &policies)
        })
        .await;
        let topics: Vec<_> = context
            .topics
            .iter()
            .map(|(topic, ..)| topic.to_string())
            .collect();
        let subscriber = with.log.subscriber(&context.group, &topics).await?;
        Ok(Self {
            subscriber,
            state: State::new(Arc::clone(context), with.clone(), source),
            leaving: None,
        })
    }

    /// Reacts until it is cancelled or cannot go on; then drains, saves and leaves.
    pub(super) async fn run(mut self, cancel: &CancellationToken) -> Ended {
        let ended = self.react(cancel).await;
        let all: Vec<_> = self.state.partitions.keys().cloned().collect();
        if matches!(ended, Ended::Cancelled) {
            let until = Instant::now() + self.state.context.options.shutdown_drain;
            self.state.prepare_to_leave(&all);
            self.state.drain(&all, until).await;
        }
        if !matches!(ended, Ended::OtherHistory) {
            self.state.save_last(&all, LAST_SAVE).await;
        }
        self.state.drop_partitions(&all);
        self.subscriber.leave().await;
        ended
    }

    async fn react(&mut self, cancel: &CancellationToken) -> Ended {
        loop {
            if self.state.is_of_another_history() {
                return Ended::OtherHistory;
            }
            if let Some(at) = self.state.deaf.take() {
                return Ended::Log(LogError {
                    what: format!("hear topic {} partition {}", at.topic, at.partition),
                    why: "the relay has sent more, and nothing comes".to_owned(),
                    transient: true,
                });
            }
            let given = self.give_orders().await;
            let told = match given {
                Ok(()) => self.listen(cancel).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(Told::Cancelled) => return Ended::Cancelled,
                Ok(Told::Nothing) => {}
                Ok(Told::Heard(event)) => self.hear(event),
                Ok(Told::Drained) => self.let_go().await,
                Err(error) if error.transient => {
                    tracing::warn!(%error, "the log gives no answer");
                    let until = Instant::now() + self.state.context.options.first_wait;
                    self.state.work_until(until).await;
                }
                Err(error) => return Ended::Log(error),
            }
        }
    }

    /// Lets the lanes go on until the log has something to say.
    async fn listen(&mut self, cancel: &CancellationToken) -> Result<Told, LogError> {
        let state = &mut self.state;
        if let Some(leaving) = &self.leaving {
            let drained = state.drain(&leaving.partitions, leaving.until);
            return Ok(tokio::select! {
                biased;
                () = cancel.cancelled() => Told::Cancelled,
                () = drained => Told::Drained,
            });
        }
        let listen = if state.expects_orders() {
            LISTEN_SHORTLY
        } else {
            LISTEN
        };
        let mut next = pin!(self.subscriber.next(listen));
        // It is not asked again before it has answered: an adapter may lose what it was about to say.
        loop {
            // What was heard in a history that is gone must not be acted on in another.
            if state.is_of_another_history() {
                return Ok(Told::Nothing);
            }
            state.pump();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(Told::Cancelled),
                () = state.turn() => {}
                heard = &mut next => return Ok(heard?.map_or(Told::Nothing, Told::Heard)),
            }
        }
    }

    fn hear(&mut self, event: SubscriberEvent) {
        let state = &mut self.state;
        match event {
            SubscriberEvent::Assigned(partitions) => state.assigned(partitions),
            SubscriberEvent::Records(records) => state.take_in(records),
            SubscriberEvent::End(at, offset) => state.reached_end(&at, offset),
            SubscriberEvent::Lost(partitions) => {
                tracing::warn!(
                    context = state.context.name,
                    count = partitions.len(),
                    "partitions were lost"
                );
                state.drop_partitions(&partitions);
            }
            SubscriberEvent::Revoked(partitions) => {
                state.prepare_to_leave(&partitions);
                self.leaving = Some(Leaving {
                    partitions,
                    until: Instant::now() + state.context.options.revoke_drain,
                });
            }
        }
        state.keep_saving();
    }

    /// What is in hand of the revoked partitions is finished, or has had its time.
    async fn let_go(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            self.state.save_last(&leaving.partitions, LAST_SAVE).await;
            self.state.drop_partitions(&leaving.partitions);
            self.subscriber.release(&leaving.partitions).await;
        }
    }

    /// Begins to read a partition. It may be on its way to another member already: then we are told so shortly, and if
    /// we are not, the partition must not stay unread.
    async fn start(&mut self, start: Start) -> Result<(), LogError> {
        let state = &mut self.state;
        let is_ours = state
            .partition(&start.place)
            .is_some_and(|partition| partition.phase == Phase::Reading);
        if !is_ours {
            return Ok(());
        }
        match self.subscriber.start(&start.place.at, start.offset).await {
            Err(error) if start.since.elapsed() < START_WITHIN => {
                tracing::debug!(%error, "a partition is not read yet");
                state.orders.push(SubscriberOrder::Start(start));
                Ok(())
            }
            started => started,
        }
    }

    /// Tells the subscriber what to start, to pause, and to note.
    async fn give_orders(&mut self) -> Result<(), LogError> {
        for (at, is_paused) in self.state.pauses() {
            self.subscriber.pause(&at, is_paused).await?;
        }
        self.state.go_on_refilling();
        let mut notes = Vec::new();
        for order in std::mem::take(&mut self.state.orders) {
            match order {
                SubscriberOrder::Start(start) => self.start(start).await?,
                SubscriberOrder::Note(at, offset) => notes.push((at, offset)),
            }
        }
        if !notes.is_empty() {
            self.subscriber.note(&notes).await;
        }
        Ok(())
    }
}
