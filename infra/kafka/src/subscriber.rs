//! A member of a consumer group: the async side. The consumer itself lives on one OS thread ([`member`]).

mod context;
mod ends;
mod lanes;
mod load;
mod member;
mod orders;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jangbu_runtime::ports::{LogError, Subscriber, SubscriberEvent, TopicPartition};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::KafkaOptions;
use crate::asker::Asker;
use crate::error::gone;
use crate::thread::END_WITHIN;
use load::Load;
use member::Member;

/// Orders that may wait for the thread; it takes them within some 50 ms.
const ORDERS: usize = 256;

/// What the async side asks of the thread.
enum Order {
    Start(TopicPartition, i64, oneshot::Sender<Result<(), LogError>>),
    Pause(TopicPartition, bool, oneshot::Sender<Result<(), LogError>>),
    Release(Vec<TopicPartition>),
    Note(Vec<(TopicPartition, i64)>),
    Leave(oneshot::Sender<()>),
}

/// A member as its owner sees it. Dropped, it leaves as well, only without being waited for.
pub(crate) struct KafkaSubscriber {
    orders: mpsc::Sender<Order>,
    // Unbounded in type only: the thread pauses its partitions at the high mark of `load`.
    events: mpsc::UnboundedReceiver<Result<SubscriberEvent, LogError>>,
    load: Arc<Load>,
    asker: Arc<Asker>,
}

impl KafkaSubscriber {
    pub(crate) fn join(
        options: &KafkaOptions,
        asker: Arc<Asker>,
        group: &str,
        topics: &[String],
    ) -> Result<Self, LogError> {
        let (orders, taken) = mpsc::channel(ORDERS);
        let (told, events) = mpsc::unbounded_channel();
        let load = Arc::new(Load::default());
        let member = Member::join(options, group, topics, told, Arc::clone(&load))?;
        crate::thread::start("kafka-member", move || member.run(taken));
        Ok(Self {
            orders,
            events,
            load,
            asker,
        })
    }

    async fn ask(
        &self,
        what: &str,
        at: &TopicPartition,
        order: impl FnOnce(oneshot::Sender<Result<(), LogError>>) -> Order,
    ) -> Result<(), LogError> {
        let asked = || {
            gone(format!(
                "{what} topic {} partition {}",
                at.topic, at.partition
            ))
        };
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.map_err(|_| asked())?;
        answered.await.map_err(|_| asked())?
    }
}

#[async_trait]
impl Subscriber for KafkaSubscriber {
    async fn next(&mut self, wait: Duration) -> Result<Option<SubscriberEvent>, LogError> {
        match tokio::time::timeout_at(Instant::now() + wait, self.events.recv()).await {
            Err(_) => Ok(None),
            Ok(None) => Err(gone("hear its group")),
            Ok(Some(Err(error))) => Err(error),
            Ok(Some(Ok(event))) => {
                if let SubscriberEvent::Records(records) = &event {
                    self.load.taken(records);
                }
                Ok(Some(event))
            }
        }
    }

    async fn start(&mut self, at: &TopicPartition, offset: i64) -> Result<(), LogError> {
        let edges = self.asker.edges(std::slice::from_ref(at)).await?;
        let from = edges.first().map_or(offset, |edges| {
            if (edges.low..=edges.high).contains(&offset) {
                offset
            } else {
                edges.low
            }
        });
        self.ask("start", at, |answer| Order::Start(at.clone(), from, answer))
            .await
    }

    async fn release(&mut self, partitions: &[TopicPartition]) {
        // A thread that is gone holds nothing any more.
        let _ = self.orders.send(Order::Release(partitions.to_vec())).await;
    }

    async fn pause(&mut self, at: &TopicPartition, paused: bool) -> Result<(), LogError> {
        self.ask("pause", at, |answer| {
            Order::Pause(at.clone(), paused, answer)
        })
        .await
    }

    async fn note(&mut self, offsets: &[(TopicPartition, i64)]) {
        // For lag tools only: nothing rests on it.
        let _ = self.orders.send(Order::Note(offsets.to_vec())).await;
    }

    async fn leave(self: Box<Self>) {
        let (left, done) = oneshot::channel();
        if self.orders.send(Order::Leave(left)).await.is_err() {
            return;
        }
        if tokio::time::timeout(END_WITHIN, done).await.is_err() {
            tracing::warn!("a group member has not left within {END_WITHIN:?}; it is left behind");
        }
    }
}
