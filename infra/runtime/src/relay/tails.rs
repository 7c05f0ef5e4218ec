//! What stands in the log beyond the checkpoint: read at the start of a term and after every failure of the publisher.
//!
//! Every record that bears our name must be a stored event; the first that is not stops the relay. The tail of a partition
//! is what the one-integer rule reaches: a hole ends it, and is filled by publishing from there.

use std::time::Duration;

use event_schemas::Source;
use event_schemas::cloud_event::{Reader, Received};
use metrics::counter;
use tokio::time::Instant;
use uuid::Uuid;

use super::evidence::{Contradiction, Evidence, Kind};
use super::halt::Halt;
use super::lanes::{Lanes, Standing};
use crate::metric_definitions::RELAY_STEPPED_OVER;
use crate::ports::{Edges, Leadership, Log, LogError, LogReader, LogRecord, TopicPartition};

/// Records judged at once.
const BATCH: usize = 2_000;
const WAIT: Duration = Duration::from_millis(200);
/// Without a record for so long, the log is taken to have failed.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// Events remembered as standing in the log; what stands beyond is published again, which readers drop.
const REMEMBERED: usize = 4_000_000;

/// Who we are, to tell our records from others'.
pub(super) struct Us {
    /// Today's name.
    pub(super) source: Source,
    /// All incarnations this store has had.
    pub(super) incarnations: Vec<Uuid>,
    /// Every event up to here is in the log.
    pub(super) checkpoint: u64,
}

/// Reads every partition from its mark to its end.
pub(super) async fn scan(
    log: &dyn Log,
    leadership: &mut dyn Leadership,
    lanes: &mut Lanes,
    edges: &[Edges],
    us: &Us,
) -> Result<(), Halt> {
    let mut from = Vec::new();
    let mut ends = Vec::new();
    for (lane, edges) in lanes.lanes.iter().zip(edges) {
        // What retention has emptied counts as the checkpoint says.
        let start = lane.mark.offset.max(edges.low);
        if edges.high > start {
            from.push((lane.at.clone(), start));
            ends.push((lane.at.clone(), edges.high));
        }
    }
    if from.is_empty() {
        return Ok(());
    }
    let mut scan = Scan::new(lanes, us);
    let mut reader = log.reader(&from).await?;
    let mut records = Vec::new();
    let mut moved_at = Instant::now();
    let mut came = 0;
    loop {
        let (sum, is_done) = progress(reader.as_ref(), &ends);
        if is_done {
            break;
        }
        if sum != came {
            (came, moved_at) = (sum, Instant::now());
        } else if moved_at.elapsed() > STALLED_AFTER {
            return Err(stalled(reader.as_ref(), &ends).into());
        }
        records.clear();
        reader.next(&mut records, BATCH, WAIT).await?;
        scan.judge(&records, leadership).await?;
    }
    scan.end()
}

/// How far all partitions together came, and whether each is at its end.
fn progress(reader: &dyn LogReader, ends: &[(TopicPartition, i64)]) -> (i64, bool) {
    let positions = ends
        .iter()
        .map(|(at, end)| (reader.position(at).unwrap_or_default(), *end));
    positions.fold((0, true), |(sum, is_done), (position, end)| {
        (sum + position, is_done && position >= end)
    })
}

fn stalled(reader: &dyn LogReader, ends: &[(TopicPartition, i64)]) -> LogError {
    let behind = ends
        .iter()
        .find(|(at, end)| reader.position(at).is_none_or(|position| position < *end));
    let place = behind.map_or_else(String::new, |(at, end)| {
        let position = reader.position(at).unwrap_or_default();
        format!(
            " of topic {} partition {} from offset {position} to {end}",
            at.topic, at.partition
        )
    });
    LogError {
        what: format!("read the tail{place}"),
        why: format!("nothing came within {STALLED_AFTER:?}"),
        transient: true,
    }
}

/// A record that bears our name.
struct Claim {
    lane: usize,
    offset: i64,
    position: u64,
    previous: u64,
    event_id: Uuid,
    /// Of today's incarnation: only such a record can be a tail.
    today: bool,
    /// Its key belongs into another partition.
    astray: bool,
}

/// How far the rule has reached in a partition.
#[derive(Clone, Copy)]
struct Reach {
    last: u64,
    /// It met a hole.
    ended: bool,
}

struct Scan<'s> {
    lanes: &'s mut Lanes,
    us: &'s Us,
    reader: Reader,
    reaches: Vec<Reach>,
    remembered: usize,
    evidence: Evidence,
}

impl<'s> Scan<'s> {
    fn new(lanes: &'s mut Lanes, us: &'s Us) -> Self {
        let reaches = lanes
            .lanes
            .iter()
            .map(|lane| Reach {
                last: lane.mark.previous,
                ended: false,
            })
            .collect();
        Self {
            lanes,
            us,
            reader: Reader::new(),
            reaches,
            remembered: 0,
            evidence: Evidence::default(),
        }
    }

    async fn judge(
        &mut self,
        records: &[LogRecord],
        leadership: &mut dyn Leadership,
    ) -> Result<(), Halt> {
        let claims: Vec<_> = records
            .iter()
            .filter_map(|record| self.claim(record))
            .collect();
        if claims.is_empty() {
            return Ok(());
        }
        let mut positions: Vec<_> = claims.iter().map(|claim| claim.position).collect();
        positions.sort_unstable();
        positions.dedup();
        let stored = leadership.events_at(&positions).await?;
        for claim in claims {
            let there = stored.get(&claim.position).copied();
            if there != Some(claim.event_id) {
                self.contradict(&claim, Kind::NotStored(there));
            } else if claim.astray {
                self.step_over(&claim);
            } else {
                self.follow(&claim);
            }
        }
        Ok(())
    }

    /// What a record claims; none if it is somebody else's, broken, or history.
    fn claim(&mut self, record: &LogRecord) -> Option<Claim> {
        let read = self
            .reader
            .read(record.key.as_deref(), record.value.clone(), |name| {
                record.header(name)
            });
        let Ok(Received {
            source,
            previous,
            envelope,
        }) = read
        else {
            counter!(RELAY_STEPPED_OVER).increment(1);
            return None;
        };
        let lane = self.lanes.find(&record.at)?;
        if source.store != self.us.source.store {
            counter!(RELAY_STEPPED_OVER).increment(1);
            return None;
        }
        let own_lane = self
            .lanes
            .route(&envelope.aggregate, envelope.id.as_bytes());
        let claim = Claim {
            lane,
            offset: record.offset,
            position: envelope.position,
            previous,
            event_id: envelope.event_id,
            today: source.incarnation == self.us.source.incarnation,
            astray: own_lane != Some(lane),
        };
        if !claim.today && self.is_history(&claim, source.incarnation) {
            return None;
        }
        Some(claim)
    }

    /// A record of another incarnation is history where an incarnation of this store wrote it and the checkpoint is past
    /// it. If not, it speaks against us.
    fn is_history(&mut self, claim: &Claim, incarnation: Uuid) -> bool {
        let past = self
            .us
            .checkpoint
            .max(self.lanes.lanes[claim.lane].mark.previous);
        if claim.position > past {
            self.contradict(claim, Kind::OtherIncarnation(incarnation));
            return true;
        }
        self.us.incarnations.contains(&incarnation)
    }

    /// The one-integer rule, for a record that is a stored event.
    fn follow(&mut self, claim: &Claim) {
        let reach = &mut self.reaches[claim.lane];
        if reach.ended || !claim.today || claim.position <= reach.last {
            return;
        }
        if claim.previous > reach.last || self.remembered >= REMEMBERED {
            reach.ended = true;
            return;
        }
        reach.last = claim.position;
        self.remembered += 1;
        let standing = Standing {
            position: claim.position,
            next: claim.offset + 1,
        };
        self.lanes.lanes[claim.lane].tail.push_back(standing);
    }

    /// Somebody copied a record of ours to where it does not belong: it is no part of this partition's tail.
    fn step_over(&self, claim: &Claim) {
        let at = &self.lanes.lanes[claim.lane].at;
        tracing::warn!(
            topic = &*at.topic,
            partition = at.partition,
            offset = claim.offset,
            position = claim.position,
            "a record of ours stands in a partition that is not its own; it is stepped over"
        );
        counter!(RELAY_STEPPED_OVER).increment(1);
    }

    fn contradict(&mut self, claim: &Claim, kind: Kind) {
        self.evidence.add(Contradiction {
            at: self.lanes.lanes[claim.lane].at.clone(),
            offset: claim.offset,
            position: claim.position,
            event_id: claim.event_id,
            kind,
        });
    }

    fn end(self) -> Result<(), Halt> {
        let beyond = self.remembered;
        if beyond > 0 {
            tracing::info!(
                events = beyond,
                "found events in the log beyond the relay's checkpoint"
            );
        }
        match self.evidence.verdict() {
            Some(why) => Err(Halt::Stopped(why)),
            None => Ok(()),
        }
    }
}
