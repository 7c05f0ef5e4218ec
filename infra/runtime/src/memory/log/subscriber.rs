//! A member of a group in memory.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::group::Change;
use super::state::State;
use super::{LogOperation, MemoryLog};
use crate::ports::{LogError, LogRecord, Subscriber, SubscriberEvent, TopicPartition};

/// Records handed out at once.
const BATCH: usize = 500;

/// A partition that is being read.
struct Lane {
    next: i64,
    ended: Option<i64>,
    rests: bool,
}

pub(super) struct MemorySubscriber {
    log: MemoryLog,
    group: String,
    member: u64,
    lanes: BTreeMap<TopicPartition, Lane>,
    ends: VecDeque<(TopicPartition, i64)>,
    /// It has heard the last it will ever hear; see [`MemoryLog::deafen_members`].
    is_deaf: bool,
}

impl MemorySubscriber {
    pub(super) fn join(log: MemoryLog, group: &str, topics: &[String]) -> Self {
        let member = {
            let mut state = log.state();
            let member = state.new_member();
            state.with_group(group, |group, known| group.join(member, topics, known));
            member
        };
        log.changed();
        Self {
            log,
            group: group.to_owned(),
            member,
            lanes: BTreeMap::new(),
            ends: VecDeque::new(),
            is_deaf: false,
        }
    }

    fn hear(&mut self) -> Option<SubscriberEvent> {
        if let Some(change) = self.told() {
            return Some(change);
        }
        if let Some((at, offset)) = self.ends.pop_front() {
            return Some(SubscriberEvent::End(at, offset));
        }
        let records = self.read();
        if !records.is_empty() {
            return Some(SubscriberEvent::Records(records));
        }
        self.ends
            .pop_front()
            .map(|(at, offset)| SubscriberEvent::End(at, offset))
    }

    fn told(&mut self) -> Option<SubscriberEvent> {
        let member = self.member;
        let change = self.log.state().with_group(&self.group, |group, _| {
            group.members.get_mut(&member)?.told.pop_front()
        })?;
        Some(match change {
            Change::Assigned(partitions) => SubscriberEvent::Assigned(partitions),
            Change::Revoked(partitions) => SubscriberEvent::Revoked(partitions),
            Change::Lost(partitions) => {
                self.lanes.retain(|at, _| !partitions.contains(at));
                SubscriberEvent::Lost(partitions)
            }
        })
    }

    /// Reads what is ours and neither rests nor leaves, and notes which ends were met.
    fn read(&mut self) -> Vec<LogRecord> {
        let mut state = self.log.state();
        let (name, member) = (self.group.as_str(), self.member);
        let goes_deaf = member <= state.deaf_members;
        if goes_deaf && self.is_deaf {
            return Vec::new();
        }
        self.lanes
            .retain(|at, _| state.with_group(name, |group, _| group.has(member, at)));
        let mut records = Vec::new();
        for (at, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.rests) {
            lane.read(&state, at, &mut records);
            let end = state.partition(at).map(|partition| partition.edges().high);
            if end == Some(lane.next) && lane.ended != end && !goes_deaf {
                lane.ended = end;
                self.ends.push_back((at.clone(), lane.next));
            }
        }
        self.is_deaf = goes_deaf && (self.is_deaf || !records.is_empty());
        records
    }
}

impl Lane {
    fn read(&mut self, state: &State, at: &TopicPartition, records: &mut Vec<LogRecord>) {
        let Some(partition) = state.partition(at) else {
            return;
        };
        self.next = partition.clamp(self.next);
        for (offset, record) in partition.from(self.next) {
            if records.len() >= BATCH {
                break;
            }
            records.extend(record.clone());
            self.next = offset + 1;
        }
    }
}

#[async_trait]
impl Subscriber for MemorySubscriber {
    async fn next(&mut self, wait: Duration) -> Result<Option<SubscriberEvent>, LogError> {
        let deadline = Instant::now() + wait;
        self.log
            .enter(LogOperation::Read, || "hear its group".to_owned())
            .await?;
        let mut changes = self.log.changes();
        loop {
            if let Some(event) = self.hear() {
                return Ok(Some(event));
            }
            if !self.log.wait(&mut changes, deadline).await {
                return Ok(None);
            }
        }
    }

    async fn start(&mut self, at: &TopicPartition, offset: i64) -> Result<(), LogError> {
        let member = self.member;
        let is_ours = self
            .log
            .state()
            .with_group(&self.group, |group, _| group.has(member, at));
        if !is_ours {
            return Err(LogError {
                what: format!(
                    "start topic {} partition {} from offset {offset}",
                    at.topic, at.partition
                ),
                why: "it is not ours".to_owned(),
                transient: false,
            });
        }
        self.lanes.insert(
            at.clone(),
            Lane {
                next: offset,
                ended: None,
                rests: false,
            },
        );
        Ok(())
    }

    async fn release(&mut self, partitions: &[TopicPartition]) {
        self.lanes.retain(|at, _| !partitions.contains(at));
        let member = self.member;
        self.log.state().with_group(&self.group, |group, topics| {
            group.release(member, partitions, topics)
        });
        self.log.changed();
    }

    async fn pause(&mut self, at: &TopicPartition, paused: bool) -> Result<(), LogError> {
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.rests = paused;
        }
        Ok(())
    }

    async fn note(&mut self, offsets: &[(TopicPartition, i64)]) {
        self.log.state().with_group(&self.group, |group, _| {
            group.noted.extend(offsets.iter().cloned())
        });
    }

    async fn leave(self: Box<Self>) {}
}

impl Drop for MemorySubscriber {
    fn drop(&mut self) {
        let member = self.member;
        self.log
            .state()
            .with_group(&self.group, |group, topics| group.leave(member, topics));
        self.log.changed();
    }
}
