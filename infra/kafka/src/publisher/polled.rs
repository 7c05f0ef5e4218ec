//! A producer whose deliveries are taken on a thread of its own.
//!
//! rdkafka's `ThreadedProducer` is the same with polls of 100 ms. What is left of a poll below a millisecond is spun
//! through (`BaseProducer::poll` asks with whole milliseconds until its deadline has passed), so that one takes 1 % of a
//! core while nothing happens; longer polls spin less often.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, ProducerContext};
use tokio::sync::oneshot;

use crate::thread;

/// A delivery ends a poll's wait at once; this is how long the end of the producer waits for its thread, at most.
const POLL: Duration = Duration::from_millis(500);

/// Dropped, it waits until its thread has ended: nothing is told after that.
pub(super) struct Polled<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    ends: Arc<AtomicBool>,
    ended: Option<oneshot::Receiver<()>>,
}

impl<C: ProducerContext + 'static> Polled<C> {
    pub(super) fn open(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer: Arc<BaseProducer<C>> = Arc::new(config.create_with_context(context)?);
        let ends = Arc::new(AtomicBool::new(false));
        let (done, ended) = oneshot::channel();
        let (polled, is_over) = (Arc::clone(&producer), Arc::clone(&ends));
        thread::start("relay-deliveries", move || {
            while !is_over.load(Ordering::Acquire) {
                polled.poll(POLL);
            }
            drop(polled);
            // Whoever dropped it may not wait.
            let _ = done.send(());
        });
        Ok(Self {
            producer,
            ends,
            ended: Some(ended),
        })
    }
}

impl<C: ProducerContext + 'static> Deref for Polled<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for Polled<C> {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        if let Some(ended) = self.ended.take() {
            // A thread that panicked has ended as well.
            let _ = ended.blocking_recv();
        }
    }
}
