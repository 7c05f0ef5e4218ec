//! A consumer group: who has which partition, and who is asked to give one up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::state::Topics;
use crate::ports::TopicPartition;

/// After that a revoked partition goes, released or not.
const RELEASE_WITHIN: Duration = Duration::from_secs(20);

/// What a member is told, in order.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "only tests take partitions away")
    )]
    Lost(Vec<TopicPartition>),
}

#[derive(Default)]
pub(super) struct Member {
    topics: Vec<String>,
    pub(super) told: VecDeque<Change>,
}

struct Owner {
    member: u64,
    /// Until when it may finish, where the partition is to go to another.
    leaves: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Group {
    pub(super) members: BTreeMap<u64, Member>,
    owners: BTreeMap<TopicPartition, Owner>,
    /// What members noted, for lag tools.
    pub(super) noted: BTreeMap<TopicPartition, i64>,
}

impl Group {
    pub(super) fn join(&mut self, member: u64, wanted: &[String], topics: &Topics) {
        self.members.insert(
            member,
            Member {
                topics: wanted.to_vec(),
                told: VecDeque::new(),
            },
        );
        self.rebalance(topics);
    }

    pub(super) fn leave(&mut self, member: u64, topics: &Topics) {
        self.members.remove(&member);
        self.owners.retain(|_, owner| owner.member != member);
        self.rebalance(topics);
    }

    pub(super) fn release(&mut self, member: u64, partitions: &[TopicPartition], topics: &Topics) {
        self.owners.retain(|at, owner| {
            owner.member != member || owner.leaves.is_none() || !partitions.contains(at)
        });
        self.rebalance(topics);
    }

    /// Whether a member may read a partition on.
    pub(super) fn has(&self, member: u64, at: &TopicPartition) -> bool {
        self.owners
            .get(at)
            .is_some_and(|owner| owner.member == member && owner.leaves.is_none())
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.owners.values().filter_map(|owner| owner.leaves).min()
    }

    pub(super) fn let_overdue_go(&mut self, now: Instant, topics: &Topics) -> bool {
        let before = self.owners.len();
        self.owners
            .retain(|_, owner| owner.leaves.is_none_or(|until| until > now));
        let some = self.owners.len() < before;
        if some {
            self.rebalance(topics);
        }
        some
    }

    /// Every member's session ends, and it joins again.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn lose_sessions(&mut self, topics: &Topics) {
        let owners = std::mem::take(&mut self.owners);
        for (number, member) in &mut self.members {
            let lost: Vec<_> = owners
                .iter()
                .filter(|(_, owner)| owner.member == *number)
                .map(|(at, _)| at.clone())
                .collect();
            if !lost.is_empty() {
                member.told.push_back(Change::Lost(lost));
            }
        }
        self.rebalance(topics);
    }

    /// Shares the partitions out evenly, moving as few as can be; asks before it takes.
    pub(super) fn rebalance(&mut self, topics: &Topics) {
        self.owners.retain(|at, _| exists(topics, at));
        let target = self.target(topics);
        let until = Instant::now() + RELEASE_WITHIN;
        let mut gained: BTreeMap<u64, Vec<TopicPartition>> = BTreeMap::new();
        let mut revoked: BTreeMap<u64, Vec<TopicPartition>> = BTreeMap::new();
        for (at, member) in target {
            match self.owners.get_mut(&at) {
                None => {
                    self.owners.insert(
                        at.clone(),
                        Owner {
                            member,
                            leaves: None,
                        },
                    );
                    gained.entry(member).or_default().push(at);
                }
                Some(owner) if owner.member != member && owner.leaves.is_none() => {
                    owner.leaves = Some(until);
                    revoked.entry(owner.member).or_default().push(at);
                }
                Some(_) => {}
            }
        }
        for (number, member) in &mut self.members {
            if let Some(partitions) = revoked.remove(number) {
                member.told.push_back(Change::Revoked(partitions));
            }
            if let Some(partitions) = gained.remove(number) {
                member.told.push_back(Change::Assigned(partitions));
            }
        }
    }

    /// Who is to have each partition.
    fn target(&self, topics: &Topics) -> BTreeMap<TopicPartition, u64> {
        let mut target = BTreeMap::new();
        for (topic, partitions) in topics {
            let members: Vec<_> = self
                .members
                .iter()
                .filter(|(_, member)| member.topics.iter().any(|wanted| **wanted == **topic))
                .collect();
            if members.is_empty() {
                continue;
            }
            let most = partitions.len().div_ceil(members.len());
            let mut load: BTreeMap<u64, usize> =
                members.iter().map(|(number, _)| (**number, 0)).collect();
            let mut homeless = Vec::new();
            for partition in 0..partitions.len() {
                let partition = i32::try_from(partition).expect("few partitions");
                let at = TopicPartition {
                    topic: topic.clone(),
                    partition,
                };
                let stays = self
                    .owners
                    .get(&at)
                    .filter(|owner| owner.leaves.is_none())
                    .map(|owner| owner.member);
                match stays.and_then(|member| {
                    load.get_mut(&member)
                        .filter(|load| **load < most)
                        .map(|load| (member, load))
                }) {
                    Some((member, load)) => {
                        *load += 1;
                        target.insert(at, member);
                    }
                    None => homeless.push(at),
                }
            }
            for at in homeless {
                let (member, load) = load
                    .iter_mut()
                    .min_by_key(|(number, load)| (**load, **number))
                    .expect("there is a member");
                *load += 1;
                target.insert(at, *member);
            }
        }
        target
    }
}

fn exists(topics: &Topics, at: &TopicPartition) -> bool {
    let count = topics.get(&at.topic).map_or(0, Vec::len);
    usize::try_from(at.partition).is_ok_and(|partition| partition < count)
}
