//! A partition becomes ours: where each policy stands in it, where reading starts, and what is parked of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ask::chain;
use super::job::{Done, Place};
use super::partition::{Partition, Phase};
use super::state::{Start, State, SubscriberOrder};
use super::track::{Reached, Track};
use super::{Dependencies, Reacting};
use crate::partition::partition_of;
use crate::ports::{Edges, LogError, Mark, StoreError, TopicPartition};

/// What must be known of partitions before they are read.
pub(super) struct Prepared {
    starts: BTreeMap<String, u64>,
    marks: Vec<Mark>,
    head: u64,
    /// In the order asked.
    edges: Vec<Edges>,
    parked: Vec<(String, String)>,
    counts: BTreeMap<Arc<str>, u32>,
}

/// Why partitions cannot be read yet.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("topic {0} does not exist")]
    NoTopic(String),
}

impl State {
    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.drop_partitions(&partitions);
        self.terms += 1;
        let mut places = Vec::new();
        for at in partitions {
            let Some((_, aggregate, known)) = self
                .context
                .topics
                .iter()
                .find(|(topic, ..)| **topic == *at.topic)
            else {
                continue;
            };
            let partition = Partition::new(self.terms, aggregate, known);
            self.partitions.insert(at.clone(), partition);
            places.push(self.place(&at));
        }
        if places.is_empty() {
            return;
        }
        tracing::info!(
            context = self.context.name,
            partitions = places.len(),
            "partitions are ours"
        );
        let (context, with) = (Arc::clone(&self.context), self.with.clone());
        self.jobs.push(Box::pin(async move {
            let prepared = until_prepared(&context, &with, &places).await;
            Done::Prepared(places, Box::new(prepared))
        }));
    }

    pub(super) fn prepared(&mut self, places: &[Place], prepared: &Prepared) {
        self.head = self.head.max(prepared.head);
        for (place, edges) in places.iter().zip(&prepared.edges) {
            let context = Arc::clone(&self.context);
            let Some(partition) = self.partition(place) else {
                continue;
            };
            partition.of = prepared.counts.get(&place.at.topic).copied().unwrap_or(1);
            partition.marks = context
                .policies
                .iter()
                .map(|policy| prepared.stands(policy.name(), &place.at))
                .collect();
            partition.last = partition.marks.iter().copied().min().unwrap_or(0);
            let reached = Reached {
                position: partition.last,
                offset: prepared.seek(&place.at, partition.last, *edges),
            };
            partition.track = Track::new(reached);
            partition.saved = reached;
            partition.phase = Phase::Reading;
            let of = partition.of;
            self.remember_parked(&place.at, of, &prepared.parked);
            self.orders.push(SubscriberOrder::Start(Start {
                place: place.clone(),
                offset: reached.offset,
                since: Instant::now(),
            }));
        }
    }

    fn remember_parked(&mut self, at: &TopicPartition, of: u32, parked: &[(String, String)]) {
        let is_here = |topic: &str, key: &str| {
            *at.topic == *topic && partition_of(key.as_bytes(), of) == at.partition
        };
        self.parked_keys.retain(|(topic, key)| !is_here(topic, key));
        for (topic, key) in parked.iter().filter(|(topic, key)| is_here(topic, key)) {
            self.parked_keys
                .insert((Arc::clone(&at.topic), key.as_str().into()));
            debug_assert_eq!(**topic, *at.topic);
        }
    }
}

impl Prepared {
    /// Up to which position a policy is done in a partition. Nobody is done with more than there is: a ledger that
    /// says so has outlived its store.
    fn stands(&self, policy: &str, at: &TopicPartition) -> u64 {
        let mark = self
            .marks
            .iter()
            .find(|mark| mark.policy == policy && mark.at == *at);
        let start = self.starts.get(policy).copied().unwrap_or(0);
        let stands = mark.map_or(start, |mark| mark.position.max(start));
        if stands > self.head {
            tracing::warn!(
                policy,
                stands,
                head = self.head,
                "a policy stands beyond the store's end"
            );
        }
        stands.min(self.head)
    }

    /// The furthest offset that is known to lie at or before a position: any policy's mark will do, also one that this
    /// binary does not know. A hint beyond the end is of a topic that was made anew.
    fn seek(&self, at: &TopicPartition, position: u64, edges: Edges) -> i64 {
        let hint = self
            .marks
            .iter()
            .filter(|mark| mark.at == *at && mark.position <= position)
            .map(|mark| mark.offset)
            .max();
        hint.filter(|hint| (edges.low..=edges.high).contains(hint))
            .unwrap_or(edges.low)
    }
}

async fn until_prepared(context: &Reacting, with: &Dependencies, places: &[Place]) -> Prepared {
    let mut wait = Duration::from_millis(50);
    loop {
        match prepare(context, with, places).await {
            Ok(prepared) => return prepared,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(
                    context = context.name,
                    error,
                    "partitions cannot be read yet"
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(context.options.longest_wait);
            }
        }
    }
}

async fn prepare(
    context: &Reacting,
    with: &Dependencies,
    places: &[Place],
) -> Result<Prepared, NotReady> {
    let partitions: Vec<_> = places.iter().map(|place| place.at.clone()).collect();
    let topics: Vec<_> = context
        .topics
        .iter()
        .map(|(topic, ..)| topic.to_string())
        .collect();
    let starts = with.progress.starts(context.name).await?;
    let marks = with.progress.marks(context.name, &partitions).await?;
    let parked = with.progress.parked_keys(context.name).await?;
    // Asked last: nobody can stand beyond it but by a restore.
    let head = with.store.head().await?.position;
    let edges = with.log.edges(&partitions).await?;
    let counts = with.log.partitions(&topics).await?;
    let counts = (context.topics.iter().zip(counts))
        .map(|((topic, ..), count)| {
            let count = count.ok_or_else(|| NotReady::NoTopic(topic.to_string()))?;
            Ok((Arc::clone(topic), count))
        })
        .collect::<Result<_, NotReady>>()?;
    Ok(Prepared {
        starts: starts.into_iter().collect(),
        marks,
        head,
        edges,
        parked,
        counts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> TopicPartition {
        TopicPartition {
            topic: "jangbu.bell".into(),
            partition: 0,
        }
    }

    fn prepared(marks: &[(&str, u64, i64)]) -> Prepared {
        Prepared {
            starts: [("sound".to_owned(), 0), ("mourn".to_owned(), 40)].into(),
            marks: marks
                .iter()
                .map(|(policy, position, offset)| Mark {
                    policy: (*policy).to_owned(),
                    at: at(),
                    position: *position,
                    offset: *offset,
                })
                .collect(),
            head: 100,
            edges: Vec::new(),
            parked: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    #[test]
    fn a_policy_stands_at_its_mark_or_where_it_was_told_to_start() {
        let prepared = prepared(&[("sound", 70, 7)]);
        assert_eq!(prepared.stands("sound", &at()), 70);
        assert_eq!(prepared.stands("mourn", &at()), 40);
    }

    #[test]
    fn nobody_stands_beyond_the_stores_end() {
        let prepared = prepared(&[("sound", 170, 17)]);
        assert_eq!(prepared.stands("sound", &at()), 100);
    }

    #[test]
    fn reading_starts_at_the_furthest_hint_that_skips_nothing() {
        let edges = Edges { low: 2, high: 50 };
        let marks = [("gone", 30, 20), ("sound", 70, 33), ("old", 10, 4)];
        for (position, offset) in [(70, 33), (69, 20), (30, 20), (12, 4), (9, 2)] {
            let seek = prepared(&marks).seek(&at(), position, edges);
            assert_eq!(seek, offset, "from {position}");
        }
    }

    #[test]
    fn a_hint_that_is_not_in_the_topic_any_more_is_no_hint() {
        let marks = [("sound", 70, 33)];
        let made_anew = Edges { low: 0, high: 12 };
        assert_eq!(prepared(&marks).seek(&at(), 70, made_anew), 0);
        let retained = Edges { low: 40, high: 90 };
        assert_eq!(prepared(&marks).seek(&at(), 70, retained), 40);
    }
}
