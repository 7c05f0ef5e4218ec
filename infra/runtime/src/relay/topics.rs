//! The topics at the start of a term: they exist and have the partitions they were made with. What was wiped is emptied
//! and set back.

use std::time::Duration;

use tokio::time::Instant;

use super::RelayOptions;
use super::halt::Halt;
use super::lanes::Lanes;
use super::wiped::Wiped;
use crate::ports::{Edges, Leadership, Log, LogError, PartitionMark, RelayCheckpoint, TopicSpec};

/// How long a new topic may take until brokers tell of it.
const MADE_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The topics of `aggregates` as lanes, with their edges. Topics that are missing are made.
pub(super) async fn prepare(
    log: &dyn Log,
    leadership: &mut dyn Leadership,
    options: &RelayOptions,
    aggregates: &[String],
    checkpoint: &mut RelayCheckpoint,
) -> Result<(Lanes, Vec<Edges>), Halt> {
    let topics: Vec<_> = aggregates
        .iter()
        .map(|aggregate| options.topic(aggregate))
        .collect();
    let told = log.partitions(&topics).await?;
    let counts = make_missing(log, options, checkpoint, &topics, told).await?;
    let mut lanes = Lanes::default();
    let mut first_written = false;
    for ((aggregate, topic), count) in aggregates.iter().zip(&topics).zip(counts) {
        let stored = *checkpoint.counts.entry(topic.clone()).or_insert_with(|| {
            first_written = true;
            count
        });
        if stored != count {
            return Err(Halt::Stopped(other_count(topic, stored, count)));
        }
        lanes.add(aggregate, topic, count, checkpoint);
    }
    if first_written {
        leadership.save(checkpoint).await?;
    }
    let edges = log.edges(&lanes.places()).await?;
    Ok((lanes, edges))
}

/// Takes away what was written into wiped partitions since. It would stand before what is refilled, and whoever reads
/// from the beginning would take all that for duplicates. To be done before they are set back: until then they are seen
/// to be wiped.
pub(super) async fn empty(
    log: &dyn Log,
    lanes: &Lanes,
    edges: &[Edges],
    wiped: &[Wiped],
) -> Result<(), LogError> {
    let before: Vec<_> = wiped
        .iter()
        .map(|wiped| (&lanes.lanes[wiped.lane].at, edges[wiped.lane]))
        .filter(|(_, edges)| edges.high > edges.low)
        .map(|(at, edges)| (at.clone(), edges.high))
        .collect();
    match before.is_empty() {
        true => Ok(()),
        false => log.forget(&before).await,
    }
}

/// Sets wiped partitions back to their beginning, and the checkpoint with them: the relay then passes over the whole
/// store and publishes what is missing, whatever happens in between.
pub(super) fn set_back(
    lanes: &Lanes,
    edges: &[Edges],
    wiped: &[Wiped],
    checkpoint: &mut RelayCheckpoint,
) {
    for Wiped { lane, .. } in wiped {
        let begin = PartitionMark {
            offset: edges[*lane].high,
            ..PartitionMark::default()
        };
        checkpoint
            .partitions
            .insert(lanes.lanes[*lane].at.clone(), begin);
    }
    if !wiped.is_empty() {
        checkpoint.position = 0;
    }
}

async fn make_missing(
    log: &dyn Log,
    options: &RelayOptions,
    checkpoint: &RelayCheckpoint,
    topics: &[String],
    told: Vec<Option<u32>>,
) -> Result<Vec<u32>, LogError> {
    if let Some(counts) = all(&told) {
        return Ok(counts);
    }
    let missing: Vec<_> = topics
        .iter()
        .zip(&told)
        .filter(|(_, count)| count.is_none())
        .map(|(topic, _)| TopicSpec {
            name: topic.clone(),
            // One that was deleted comes back as it was, so that keys stay where they were.
            partitions: checkpoint
                .counts
                .get(topic)
                .copied()
                .unwrap_or(options.partitions),
        })
        .collect();
    log.create(&missing).await?;
    let deadline = Instant::now() + MADE_WITHIN;
    loop {
        if let Some(counts) = all(&log.partitions(topics).await?) {
            return Ok(counts);
        }
        if Instant::now() >= deadline {
            let names: Vec<_> = missing.iter().map(|topic| topic.name.as_str()).collect();
            return Err(LogError {
                what: format!("tell of topics {}", names.join(", ")),
                why: format!("they were created and are not there after {MADE_WITHIN:?}"),
                transient: true,
            });
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

fn all(counts: &[Option<u32>]) -> Option<Vec<u32>> {
    counts.iter().copied().collect()
}

fn other_count(topic: &str, stored: u32, actual: u32) -> String {
    format!(
        "topic {topic} has {actual} partitions and the relay has written to {stored}: the keys would move to other \
         partitions and lose their order. Make the topic anew with {stored} partitions and run `jangbu repair kafka`, \
         which refills it from the store"
    )
}
