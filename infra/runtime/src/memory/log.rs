//! The log in memory: topics of partitions, each a vector of records; groups that share partitions among their members.
//!
//! It keeps Kafka's manners where others rely on them: a dead producer's records may still arrive, retention moves the
//! first offset, control records take offsets and are never handed out, and a group asks before it takes a partition.

mod faults;
mod group;
mod publisher;
mod reader;
mod state;
mod subscriber;
#[cfg(any(test, feature = "testing"))]
mod switches;

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use faults::{LogFate, LogFaults, LogOperation, NoLogFaults};

use crate::ports::{
    Edges, Log, LogError, LogReader, Publisher, Subscriber, TopicPartition, TopicSpec,
};
use publisher::MemoryPublisher;
use reader::MemoryReader;
use state::State;
use subscriber::MemorySubscriber;

/// A log. Clones are the same one; a process has a handle with its own faults ([`Self::with_faults`]).
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
    faults: Arc<dyn LogFaults>,
}

struct Shared {
    state: Mutex<State>,
    changes: Changes,
}

/// Raised with every change that somebody may wait for. (A `watch` would do, but wakes its waiters in random order, and
/// a seed must reproduce what the simulation does.)
#[derive(Default)]
struct Changes {
    count: AtomicU64,
    notify: Notify,
}

impl Default for MemoryLog {
    fn default() -> Self {
        let shared = Shared {
            state: Mutex::default(),
            changes: Changes::default(),
        };
        Self {
            shared: Arc::new(shared),
            faults: Arc::new(NoLogFaults),
        }
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same log, as a process sees it to which this happens.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn LogFaults>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            faults,
        }
    }

    /// The state, with everything done whose time has come.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if state.let_time_pass(Instant::now()) {
            self.changed();
        }
        state
    }

    fn changed(&self) {
        self.shared.changes.count.fetch_add(1, Ordering::SeqCst);
        self.shared.changes.notify.notify_waiters();
    }

    /// To be had before the state is looked at, so that no change in between is missed.
    fn changes(&self) -> u64 {
        self.shared.changes.count.load(Ordering::SeqCst)
    }

    /// When something happens by itself.
    fn next_due(&self) -> Option<Instant> {
        self.state().next_due()
    }

    /// Waits for a change, until `deadline`; false once that is over.
    async fn wait(&self, changes: &mut u64, deadline: Instant) -> bool {
        let until = self.next_due().map_or(deadline, |due| due.min(deadline));
        let mut changed = pin!(self.shared.changes.notify.notified());
        changed.as_mut().enable();
        // Whether it was a change or time that came, the caller looks again.
        if self.changes() == *changes {
            let _ = tokio::time::timeout_at(until, changed).await;
        }
        *changes = self.changes();
        Instant::now() < deadline
    }

    /// Lets fate have its way with a question.
    async fn enter(
        &self,
        operation: LogOperation,
        what: impl FnOnce() -> String,
    ) -> Result<(), LogError> {
        let fate = self.faults.fate(operation);
        tokio::time::sleep(fate.delay).await;
        if fate.fails {
            return Err(away(what()));
        }
        Ok(())
    }
}

/// The broker does not answer.
fn away(what: String) -> LogError {
    LogError {
        what,
        why: "the broker is away".to_owned(),
        transient: true,
    }
}

fn unknown(what: &str, at: &TopicPartition) -> LogError {
    LogError {
        what: format!("{what} topic {} partition {}", at.topic, at.partition),
        why: "there is no such partition".to_owned(),
        transient: true,
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn partitions(&self, topics: &[String]) -> Result<Vec<Option<u32>>, LogError> {
        self.enter(LogOperation::Ask, || {
            format!("tell the partitions of {}", topics.join(", "))
        })
        .await?;
        let state = self.state();
        Ok(topics.iter().map(|topic| state.count(topic)).collect())
    }

    async fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.enter(LogOperation::Ask, || "create topics".to_owned())
            .await?;
        self.state().create(topics);
        self.changed();
        Ok(())
    }

    async fn publisher(&self) -> Result<Box<dyn Publisher>, LogError> {
        Ok(Box::new(MemoryPublisher::open(self.clone())))
    }

    async fn edges(&self, partitions: &[TopicPartition]) -> Result<Vec<Edges>, LogError> {
        self.enter(LogOperation::Ask, || {
            format!("tell the edges of {} partitions", partitions.len())
        })
        .await?;
        let state = self.state();
        partitions
            .iter()
            .map(|at| {
                state
                    .partition(at)
                    .map(state::Partition::edges)
                    .ok_or_else(|| unknown("tell the edges of", at))
            })
            .collect()
    }

    async fn forget(&self, before: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.enter(LogOperation::Ask, || "delete records".to_owned())
            .await?;
        let mut state = self.state();
        for (at, offset) in before {
            let partition = state.partition_mut(at);
            let partition = partition.ok_or_else(|| unknown("delete records of", at))?;
            partition.truncate_before(*offset);
        }
        drop(state);
        self.changed();
        Ok(())
    }

    async fn reader(&self, from: &[(TopicPartition, i64)]) -> Result<Box<dyn LogReader>, LogError> {
        self.enter(LogOperation::Ask, || "open a reader".to_owned())
            .await?;
        Ok(Box::new(MemoryReader::open(self.clone(), from)?))
    }

    async fn subscriber(
        &self,
        group: &str,
        topics: &[String],
    ) -> Result<Box<dyn Subscriber>, LogError> {
        self.enter(LogOperation::Ask, || format!("join group {group}"))
            .await?;
        Ok(Box::new(MemorySubscriber::join(
            self.clone(),
            group,
            topics,
        )))
    }
}
