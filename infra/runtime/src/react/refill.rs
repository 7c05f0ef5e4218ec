//! What the log does not hold any more is read from the store; and the store is asked whenever the log claims
//! something that cannot be believed unseen.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use tokio::time::Instant;

use super::ask::chain;
use super::job::{Done, Place};
use super::meter;
use super::partition::{Asked, Phase};
use super::state::State;
use super::track::Reached;
use crate::partition::partition_of;
use crate::ports::{EventFilter, EventStore, RelayCheckpoint, StoreError, TopicPartition};

/// Events of the topic's aggregate that are read from the store at once.
const PAGE: usize = 500;
/// For so long records that the relay knows of may still be on their way before they count as lost.
const ON_THEIR_WAY: Duration = Duration::from_secs(5);

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

    /// A record claims a position that nobody here has heard of.
    pub(super) fn ask_head(&mut self, at: &TopicPartition) {
        let (place, store) = (self.place(at), Arc::clone(&self.with.store));
        let wait = self.context.options.longest_wait;
        self.jobs.push(Box::pin(async move {
            let head = until_told(wait, "where the store ends", || store.head()).await;
            Done::Head(place, head.position)
        }));
    }

    pub(super) fn told_head(&mut self, place: &Place, head: u64) {
        self.head = self.head.max(head);
        let reader = &mut self.reader;
        let Some(partition) = self
            .partitions
            .get_mut(&place.at)
            .filter(|p| p.term == place.term)
        else {
            return;
        };
        partition.asked = None;
        let claims = partition.inbox.front().and_then(|record| {
            reader
                .read(record.key.as_deref(), record.value.clone(), |name| {
                    record.header(name)
                })
                .ok()
        });
        if let Some(claims) = claims
            && claims.envelope.position > head
            && let Some(record) = partition.inbox.pop_front()
        {
            let why = format!(
                "record claims position {}, and the store ends at {head}",
                claims.envelope.position
            );
            self.keep_dead_letter(record, why);
        }
        self.look_through(&place.at);
    }

    /// A record does not follow the one before it.
    pub(super) fn ask_whether_stored(&mut self, at: &TopicPartition, claimed: &Envelope) {
        let (place, store) = (self.place(at), Arc::clone(&self.with.store));
        let (position, event_id) = (claimed.position, claimed.event_id);
        let wait = self.context.options.longest_wait;
        self.jobs.push(Box::pin(async move {
            let stands = until_told(wait, "what stands at a position", || {
                event_at(&*store, position)
            })
            .await;
            Done::Record(place, stands == Some(event_id))
        }));
    }

    pub(super) fn told_record(&mut self, place: &Place, is_stored: bool) {
        let reader = &mut self.reader;
        let Some(partition) = self
            .partitions
            .get_mut(&place.at)
            .filter(|p| p.term == place.term)
        else {
            return;
        };
        partition.asked = None;
        if is_stored {
            partition.confirmed = partition.inbox.front().and_then(|record| {
                let read = reader.read(record.key.as_deref(), record.value.clone(), |name| {
                    record.header(name)
                });
                read.ok().map(|received| received.envelope.event_id)
            });
        } else if let Some(record) = partition.inbox.pop_front() {
            let why = "record claims to be an event of this store, and another stands there";
            self.keep_dead_letter(record, why.to_owned());
        }
        self.look_through(&place.at);
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

/// What stands at a position.
pub(super) async fn event_at(
    store: &dyn EventStore,
    position: u64,
) -> Result<Option<uuid::Uuid>, StoreError> {
    let events = store.read(position.saturating_sub(1), 1).await?;
    Ok(events
        .first()
        .filter(|told| told.position == position)
        .map(|told| told.event_id))
}

/// Asks until there is an answer. Whoever no longer wants it drops the job.
pub(super) async fn until_told<T, F, Fut>(longest: Duration, what: &str, ask: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut wait = Duration::from_millis(50).min(longest);
    loop {
        match ask().await {
            Ok(told) => return told,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, what, "the store or the ledger gave no answer");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
        }
    }
}
