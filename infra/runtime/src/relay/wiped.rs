//! Which partitions are not the ones the checkpoint speaks of: they were wiped, or made anew.
//!
//! Two things show it. A partition ends before the checkpoint's mark. Or it has outgrown the mark since (a producer that
//! noticed nothing went on in the new one): then another event of ours stands where the mark's event was written.

use std::time::Duration;

use event_schemas::cloud_event::{Reader, Received};
use tokio::time::Instant;

use super::halt::Halt;
use super::lanes::Lanes;
use crate::ports::{Edges, Leadership, Log, LogError, LogRecord, TopicPartition};

/// Records taken at once while looking for those at the marks.
const BATCH: usize = 500;
const WAIT: Duration = Duration::from_millis(200);
/// Without an answer for so long, the log is taken to have failed.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Partitions named in a message; the others are counted.
const NAMED: usize = 10;

/// A partition that is not the one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wiped {
    pub(super) lane: usize,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It ends at this offset, before the mark.
    Ends(i64),
    /// At the mark stands this position instead.
    Holds(u64),
}

/// Partitions that end before their mark: all that can be told without reading.
pub(super) fn shortened(lanes: &Lanes, edges: &[Edges]) -> Vec<Wiped> {
    let ends = lanes.lanes.iter().zip(edges).enumerate();
    ends.filter(|(_, (lane, edges))| edges.high < lane.mark.offset)
        .map(|(lane, (_, edges))| Wiped {
            lane,
            how: How::Ends(edges.high),
        })
        .collect()
}

/// Both kinds.
pub(super) async fn find(
    log: &dyn Log,
    leadership: &mut dyn Leadership,
    lanes: &Lanes,
    edges: &[Edges],
) -> Result<Vec<Wiped>, Halt> {
    let mut found = shortened(lanes, edges);
    let marked: Vec<_> = lanes
        .lanes
        .iter()
        .zip(edges)
        .filter(|(lane, edges)| {
            // What retention took says nothing.
            lane.mark.previous > 0 && edges.low < lane.mark.offset && edges.high >= lane.mark.offset
        })
        .map(|(lane, _)| (lane.at.clone(), lane.mark.offset - 1))
        .collect();
    if marked.is_empty() {
        return Ok(found);
    }
    let today = leadership.incarnations().await?.pop();
    let records = read_at(log, &marked).await?;
    let mut reader = Reader::new();
    let mut others = Vec::new();
    for record in &records {
        let read = reader.read(record.key.as_deref(), record.value.clone(), |name| {
            record.header(name)
        });
        let Ok(Received {
            source, envelope, ..
        }) = read
        else {
            continue;
        };
        let Some(lane) = lanes.find(&record.at) else {
            continue;
        };
        // `repair fork` sets marks behind records of earlier incarnations.
        let is_todays = Some(source.incarnation) == today;
        if is_todays && envelope.position != lanes.lanes[lane].mark.previous {
            others.push((lane, envelope.position, envelope.event_id));
        }
    }
    let mut positions: Vec<_> = others.iter().map(|(_, position, _)| *position).collect();
    positions.sort_unstable();
    let stored = leadership.events_at(&positions).await?;
    for (lane, position, event_id) in others {
        // Only a stored event speaks: a forged one must not make us empty a partition.
        if stored.get(&position) == Some(&event_id) {
            let how = How::Holds(position);
            found.push(Wiped { lane, how });
        }
    }
    Ok(found)
}

/// The records that stand at these offsets, as far as there are any.
async fn read_at(
    log: &dyn Log,
    places: &[(TopicPartition, i64)],
) -> Result<Vec<LogRecord>, LogError> {
    let mut reader = log.reader(places).await?;
    let mut at_marks = Vec::new();
    let mut records = Vec::new();
    let begun = Instant::now();
    loop {
        let behind = places.iter().find(|(at, offset)| {
            reader
                .position(at)
                .is_none_or(|position| position <= *offset)
        });
        let Some((at, offset)) = behind else {
            return Ok(at_marks);
        };
        if begun.elapsed() > STALLED_AFTER {
            return Err(LogError {
                what: format!(
                    "read topic {} partition {} at offset {offset}",
                    at.topic, at.partition
                ),
                why: format!("nothing came within {STALLED_AFTER:?}"),
                transient: true,
            });
        }
        reader.next(&mut records, BATCH, WAIT).await?;
        at_marks.extend(records.drain(..).filter(|record| {
            let is_the_one =
                |(at, offset): &(TopicPartition, i64)| *at == record.at && *offset == record.offset;
            places.iter().any(is_the_one)
        }));
    }
}

/// What to tell about them.
pub(super) fn tell(lanes: &Lanes, wiped: &[Wiped]) -> String {
    let told: Vec<_> = wiped
        .iter()
        .take(NAMED)
        .map(|Wiped { lane, how }| {
            let lane = &lanes.lanes[*lane];
            let (topic, partition) = (&lane.at.topic, lane.at.partition);
            let mark = lane.mark;
            match how {
                How::Ends(end) => format!(
                    "topic {topic} partition {partition} ends at offset {end}, and the relay wrote up to offset {}",
                    mark.offset
                ),
                How::Holds(position) => format!(
                    "topic {topic} partition {partition} holds position {position} at offset {}, where the relay wrote \
                     position {}",
                    mark.offset - 1,
                    mark.previous
                ),
            }
        })
        .collect();
    let more = if wiped.len() > told.len() {
        format!("; and {} more", wiped.len() - told.len())
    } else {
        String::new()
    };
    format!(
        "{}{more}. To refill them from the store, run `jangbu repair kafka`",
        told.join("; ")
    )
}
