//! A publisher in memory: what is handed over leaves when deliveries are asked for, as fate lets it.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::state::record_of;
use super::{LogFate, LogOperation, MemoryLog, away, unknown};
use crate::ports::{Delivery, LogError, LogRecord, OutRecord, PublishError, Publisher};

/// Records it holds at most.
const HAND: usize = 100_000;

pub(super) struct MemoryPublisher {
    log: MemoryLog,
    hand: VecDeque<(usize, LogRecord)>,
    /// The fate of the next sending, and when it takes effect.
    next: Option<(Instant, LogFate)>,
    broken: bool,
}

impl MemoryPublisher {
    pub(super) fn open(log: MemoryLog) -> Self {
        Self {
            log,
            hand: VecDeque::new(),
            next: None,
            broken: false,
        }
    }

    /// Sends what is in hand; if it fails, all of it fails, written or not.
    fn send(&mut self, fate: LogFate, into: &mut Vec<Delivery>) {
        let mut state = self.log.state();
        let mut written = 0;
        while written < fate.written
            && let Some((tag, record)) = self.hand.pop_front()
        {
            let at = record.at.clone();
            let outcome = state
                .append(record)
                .ok_or_else(|| unknown("publish to", &at));
            written += 1;
            self.broken |= outcome.is_err();
            let outcome = if fate.fails {
                Err(away("publish".to_owned()))
            } else {
                outcome
            };
            into.push(Delivery { tag, outcome });
            if self.broken {
                break;
            }
        }
        drop(state);
        self.broken |= fate.fails;
        if self.broken {
            let lost = self.hand.drain(..);
            into.extend(lost.map(|(tag, _)| Delivery {
                tag,
                outcome: Err(away("publish".to_owned())),
            }));
        }
        self.log.changed();
    }

    fn throw_away(&mut self) {
        let fate = self.next.take().map(|(_, fate)| fate);
        let Some((count, later)) = fate.and_then(|fate| fate.arrives_late) else {
            return;
        };
        let records: Vec<_> = self
            .hand
            .drain(..)
            .take(count)
            .map(|(_, record)| record)
            .collect();
        self.log
            .state()
            .append_late(Instant::now() + later, records);
        self.log.changed();
    }
}

#[async_trait]
impl Publisher for MemoryPublisher {
    fn publish(&mut self, record: &OutRecord<'_>, tag: usize) -> Result<(), PublishError> {
        if self.broken {
            return Err(PublishError::Failed(away("publish".to_owned())));
        }
        if self.hand.len() >= HAND {
            return Err(PublishError::Full);
        }
        self.hand.push_back((tag, record_of(record)));
        if self.next.is_none() {
            let fate = self.log.faults.fate(LogOperation::Publish);
            self.next = Some((Instant::now() + fate.delay, fate));
        }
        Ok(())
    }

    async fn deliveries(&mut self, into: &mut Vec<Delivery>, wait: Duration) {
        let deadline = Instant::now() + wait;
        let Some((due, fate)) = self.next.filter(|(due, _)| *due <= deadline) else {
            return tokio::time::sleep_until(deadline).await;
        };
        tokio::time::sleep_until(due).await;
        self.next = None;
        self.send(fate, into);
        if !self.hand.is_empty() {
            let fate = self.log.faults.fate(LogOperation::Publish);
            self.next = Some((Instant::now() + fate.delay, fate));
        }
    }

    fn failure(&self) -> Option<LogError> {
        self.broken.then(|| away("publish".to_owned()))
    }

    async fn purge(mut self: Box<Self>) {
        self.throw_away();
    }
}

impl Drop for MemoryPublisher {
    fn drop(&mut self) {
        self.throw_away();
    }
}
