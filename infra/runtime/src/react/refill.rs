//! What the log does not hold any more is read from the store.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use tokio::time::Instant;

use super::job::{Done, Place};
use super::meter;
use super::partition::{Asked, Phase};
use super::state::State;
use super::track::Reached;
use super::until::until_told;
use crate::partition::partition_of;
use crate::ports::{EventFilter, RelayCheckpoint, TopicPartition};

/// Events of the topic's aggregate that are read from the store at once.
const PAGE: usize = 500;
/// For so long records that the relay knows of may still be on their way before they count as lost.
const ON_THEIR_WAY: Duration = Duration::from_secs(5);
/// A partition that has more to say and says nothing for so long is not read any more, whatever the client believes.
const SILENT: Duration = Duration::from_secs(15);

impl State {
    pub(super) fn place(&self, at: &TopicPartition) -> Place {
        Place {
            at: at.clone(),
            term: self
                .partitions
                .get(at)
                .map_or(0, |partition| partition.term),
        }
    }

    pub(super) fn report_loss(&self, at: &TopicPartition, until: u64, how: &str) {
        let last = self
            .partitions
            .get(at)
            .map_or(0, |partition| partition.last);
        meter::loss(self.context.name);
        tracing::warn!(
            topic = %at.topic, partition = at.partition, after = last, until, how,
            "events are missing in the log and are read from the store"
        );
    }

    /// Reads from the store what the partition should have held after `last` and up to a position.
    pub(super) fn refill(&mut self, at: &TopicPartition, until: u64) {
        let partition =
            (self.partitions.get_mut(at)).expect("only a partition of ours is refilled");
        partition.asked = Some(Asked::Lost {
            after: partition.last,
            until,
            rests: false,
        });
        self.ask_lost(at);
    }

    /// Asks for the next page, unless too much waits.
    fn ask_lost(&mut self, at: &TopicPartition) {
        let is_full = self.is_full;
        let place = self.place(at);
        let Some(partition) = self.partitions.get_mut(at) else {
            return;
        };
        let Some(Asked::Lost {
            after,
            until,
            rests,
        }) = &mut partition.asked
        else {
            return;
        };
        *rests = is_full;
        if is_full {
            return;
        }
        let filter = EventFilter {
            aggregate: Some(partition.aggregate.to_owned()),
            until: Some(*until),
            ..EventFilter::default()
        };
        let (after, until) = (*after, *until);
        let store = Arc::clone(&self.with.store);
        let wait = self.context.options.longest_wait;
        self.jobs.push(Box::pin(async move {
            let (events, looked) = until_told(wait, "events that the log lost", || {
                store.search(&filter, after, PAGE)
            })
            .await;
            // A store that ends before `until` has no more to give.
            let looked = if looked > after { looked } else { until };
            Done::Lost(place, events, looked)
        }));
    }

    /// Refills that rested go on once there is room.
    pub(super) fn go_on_refilling(&mut self) {
        if self.is_full {
            return;
        }
        let resting: Vec<_> = self
            .partitions
            .iter()
            .filter(|(_, p)| matches!(p.asked, Some(Asked::Lost { rests: true, .. })))
            .map(|(at, _)| at.clone())
            .collect();
        for at in resting {
            self.ask_lost(&at);
        }
    }

    pub(super) fn found_lost(&mut self, place: &Place, events: Vec<Envelope>, looked: u64) {
        let Some(partition) = self.partition(place) else {
            return;
        };
        let of = partition.of;
        for told in events {
            if partition_of(told.id.as_bytes(), of) == place.at.partition {
                self.take_lost(place, told);
            }
        }
        let Some(partition) = self.partition(place) else {
            return;
        };
        let Some(Asked::Lost { after, until, .. }) = &mut partition.asked else {
            return;
        };
        *after = looked;
        if looked < *until {
            self.ask_lost(&place.at);
            return;
        }
        partition.last = partition.last.max(*until);
        partition.is_linked = true;
        partition.asked = None;
        self.look_through(&place.at);
    }

    fn take_lost(&mut self, place: &Place, told: Envelope) {
        let Some(partition) = self.partition(place) else {
            return;
        };
        if told.position <= partition.last {
            return;
        }
        let previous = partition.last;
        let reach = Reached {
            position: told.position,
            offset: partition.track.read_to(),
        };
        partition.took(told.position);
        meter::refilled(self.context.name);
        self.route(told, previous, None, reach, &place.at);
    }

    /// At the end of a partition progress is compared with the relay's `previous`: what retention took before anybody
    /// read it shows in no record.
    pub(super) fn compare_with_relay(&mut self, checkpoint: &RelayCheckpoint) {
        let now = Instant::now();
        let mut lost = Vec::new();
        for (at, partition) in &mut self.partitions {
            let is_at_end = partition.phase == Phase::Reading
                && partition.asked.is_none()
                && partition.inbox.is_empty();
            let mark = checkpoint.partitions.get(at);
            let has_more = mark.is_some_and(|mark| {
                mark.previous > partition.last && mark.previous <= checkpoint.position
            });
            let is_awaited = is_at_end && has_more && !partition.is_paused;
            if !is_awaited {
                // It counts from when there was something to be heard.
                partition.heard_at = now;
            } else if now.duration_since(partition.heard_at) >= SILENT {
                self.deaf = Some(at.clone());
            }
            let (Some(end), Some(mark), true) = (partition.ended, mark, is_at_end) else {
                partition.behind_since = None;
                continue;
            };
            // A mark above the checkpoint's position is still being built.
            if mark.previous <= partition.last || mark.previous > checkpoint.position {
                partition.behind_since = None;
                continue;
            }
            let since = *partition.behind_since.get_or_insert(now);
            if end >= mark.offset || now.duration_since(since) >= ON_THEIR_WAY {
                partition.behind_since = None;
                lost.push((at.clone(), mark.previous));
            }
        }
        for (at, until) in lost {
            self.report_loss(
                &at,
                until,
                "the partition ends before what the relay sent to it",
            );
            self.refill(&at, until);
        }
    }
}
