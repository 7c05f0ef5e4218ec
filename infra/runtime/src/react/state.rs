//! Everything a member of a context's group has in hand. It is moved by four things only: what the log hands out,
//! answers to submissions, answers of store and ledger, and alarms; so a seed reproduces whatever it does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use event_schemas::Source;
use event_schemas::cloud_event::Reader;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::health::Health;
use super::job::{Done, Job, Place};
use super::lane::Lane;
use super::partition::{Partition, Phase};
use super::{Dependencies, Reacting};
use crate::execute::{Outcome, Pending};
use crate::ports::{Arrivals, TopicPartition};

/// Events that are parked or put among the dead letters at once.
const AT_ONCE: usize = 16;

/// What is in hand.
pub(super) struct State {
    pub(super) context: Arc<Reacting>,
    pub(super) with: Dependencies,
    /// The history that is followed.
    pub(super) source: Source,
    pub(super) reader: Reader,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    pub(super) terms: u64,
    pub(super) lanes: BTreeMap<u64, Lane>,
    /// Topic and key of each lane.
    pub(super) lane_ids: BTreeMap<(Arc<str>, Arc<str>), u64>,
    pub(super) last_lane: u64,
    /// Lanes that may have something to submit, in turn.
    pub(super) ready: VecDeque<u64>,
    /// Lanes that wait.
    pub(super) alarms: BTreeSet<(Instant, u64)>,
    pub(super) answers: FuturesUnordered<Answering>,
    pub(super) jobs: FuturesUnordered<Job>,
    pub(super) in_flight: usize,
    /// Events in lanes and records on their way to the dead letters.
    pub(super) queued: usize,
    pub(super) queued_bytes: usize,
    /// Reading pauses until half of the limit is worked off.
    pub(super) is_full: bool,
    /// Parking takes turns: a flood of unknown events must not take every connection there is.
    pub(super) turns: Arc<Semaphore>,
    pub(super) parked_keys: BTreeSet<(Arc<str>, Arc<str>)>,
    pub(super) health: Health,
    pub(super) stopped: Option<Stopped>,
    /// The furthest the store said it reaches.
    pub(super) head: u64,
    pub(super) arrivals: Arrivals,
    pub(super) is_saving: bool,
    pub(super) moved: usize,
    pub(super) save_at: Option<Instant>,
    pub(super) look_at: Instant,
    pub(super) is_looking: bool,
    /// What the look under way says of the context's state may be older than what was noted since.
    pub(super) look_is_old: bool,
    pub(super) redrive_at: Instant,
    pub(super) is_redriving: bool,
    /// What the subscriber is to be told next.
    pub(super) orders: Vec<SubscriberOrder>,
    /// A partition that has more to say and is not heard: the group is joined anew.
    pub(super) deaf: Option<TopicPartition>,
}

/// What the subscriber is to be told.
#[derive(Clone, Debug)]
pub(super) enum SubscriberOrder {
    Start(Start),
    Note(TopicPartition, i64),
}

/// A partition is to be read from an offset.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) place: Place,
    pub(super) offset: i64,
    pub(super) since: Instant,
}

/// The context does not react.
#[derive(Clone, Debug)]
pub(super) struct Stopped {
    /// The ledger says so too; until then its word that the context runs is an old one.
    pub(super) is_noted: bool,
}

/// A submission without an answer.
pub(super) struct Answering {
    pub(super) lane: u64,
    pub(super) number: u64,
    pub(super) policy: usize,
    pub(super) pending: Pending,
}

/// Lane, item, policy, and what the engine said.
pub(super) struct Answered(
    pub(super) u64,
    pub(super) u64,
    pub(super) usize,
    pub(super) Outcome,
);

impl Future for Answering {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Answered> {
        let outcome = std::task::ready!(Pin::new(&mut self.pending).poll(context));
        Poll::Ready(Answered(self.lane, self.number, self.policy, outcome))
    }
}

impl State {
    pub(super) fn new(context: Arc<Reacting>, with: Dependencies, source: Source) -> Self {
        let now = Instant::now();
        Self {
            source,
            reader: Reader::new(),
            partitions: BTreeMap::new(),
            terms: 0,
            lanes: BTreeMap::new(),
            lane_ids: BTreeMap::new(),
            last_lane: 0,
            ready: VecDeque::new(),
            alarms: BTreeSet::new(),
            answers: FuturesUnordered::new(),
            jobs: FuturesUnordered::new(),
            in_flight: 0,
            queued: 0,
            queued_bytes: 0,
            is_full: false,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            parked_keys: BTreeSet::new(),
            health: Health::default(),
            stopped: None,
            head: 0,
            arrivals: with.store.arrivals(),
            is_saving: false,
            moved: 0,
            save_at: None,
            look_at: now,
            is_looking: false,
            look_is_old: false,
            redrive_at: now,
            is_redriving: false,
            orders: Vec::new(),
            deaf: None,
            context,
            with,
        }
    }

    /// A partition in the assignment that was meant, if it is still ours.
    pub(super) fn partition(&mut self, place: &Place) -> Option<&mut Partition> {
        self.partitions
            .get_mut(&place.at)
            .filter(|partition| partition.term == place.term)
    }

    /// Something came back from the store or the ledger.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Prepared(places, prepared) => self.prepared(&places, &prepared),
            Done::Head(place, head) => self.told_head(&place, head),
            Done::Record(place, is_stored) => self.told_record(&place, is_stored),
            Done::Lost(place, events, looked) => self.found_lost(&place, events, looked),
            Done::DeadLetter(place, number) => self.dead_letter_kept(&place, number),
            Done::Parked(lane, result) => self.parked(lane, result),
            Done::WentBehind(lane, result) => self.went_behind(lane, result),
            Done::Answers(lane, answers) => self.told_whether_store_answers(lane, answers),
            Done::Saved(places, result) => self.saved(&places, result),
            Done::Looked(result) => self.looked(*result),
            Done::StopNoted => self.stop_noted(),
            Done::Redriven(served) => self.redriven(served),
        }
    }

    /// When the next alarm rings.
    pub(super) fn next_alarm(&self) -> Instant {
        let lane = self.alarms.first().map(|(at, _)| *at);
        [lane, self.save_at.filter(|_| !self.is_saving)]
            .into_iter()
            .flatten()
            .chain((!self.is_looking).then_some(self.look_at))
            .min()
            .unwrap_or_else(|| Instant::now() + self.context.options.look_every)
    }

    /// Rings every alarm whose time has come.
    pub(super) fn ring(&mut self) {
        let now = Instant::now();
        while let Some((at, lane)) = self.alarms.first().copied()
            && at <= now
        {
            self.alarms.pop_first();
            self.wake(lane);
        }
        if self.save_at.is_some_and(|at| at <= now) {
            self.save();
        }
        if self.look_at <= now {
            self.look();
        }
    }

    /// True when the store's history is another than the one these hands have worked on.
    pub(super) fn is_of_another_history(&self) -> bool {
        self.with.store.source() != self.source
    }

    /// Partitions that are to be read or not, other than they are now.
    pub(super) fn pauses(&mut self) -> Vec<(TopicPartition, bool)> {
        let options = &self.context.options;
        let half = if self.is_full { 2 } else { 1 };
        self.is_full = self.queued >= options.queued_events / half
            || self.queued_bytes >= options.queued_bytes / half;
        let all = self.is_full || self.stopped.is_some();
        let mut changed = Vec::new();
        for (at, partition) in &mut self.partitions {
            if partition.phase != Phase::Reading {
                continue;
            }
            let is_lost = matches!(partition.asked, Some(super::partition::Asked::Lost { .. }));
            let should = all || is_lost || partition.is_full(options.ahead);
            if should != partition.is_paused {
                partition.is_paused = should;
                changed.push((at.clone(), should));
            }
        }
        changed
    }

    /// Drops what is in hand of these partitions; what is in flight comes back to nobody, and nothing more is stored.
    pub(super) fn drop_partitions(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.partitions.remove(at);
            self.orders.retain(|order| match order {
                SubscriberOrder::Start(start) => start.place.at != *at,
                SubscriberOrder::Note(of, _) => of != at,
            });
        }
        let gone: Vec<_> = self
            .lanes
            .iter()
            .filter(|(_, lane)| partitions.contains(&lane.at))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            let lane = self.remove_lane(id);
            lane.token.revoke();
            for item in &lane.items {
                self.queued -= 1;
                self.queued_bytes -= item.bytes();
            }
        }
    }

    pub(super) fn remove_lane(&mut self, id: u64) -> Lane {
        let lane = self.lanes.remove(&id).expect("a lane is removed once");
        self.lane_ids
            .remove(&(Arc::clone(&lane.at.topic), Arc::clone(&lane.key)));
        self.alarms.retain(|(_, of)| *of != id);
        lane
    }

    /// Whether something of these partitions is still under way.
    pub(super) fn is_busy(&self, partitions: &[TopicPartition]) -> bool {
        self.lanes.values().any(|lane| {
            partitions.contains(&lane.at)
                && (lane.in_flight > 0 || lane.phase == super::lane::Phase::Asking)
        })
    }
}
