//! From records to lanes: each record is read, judged by the one-integer rule, and given to whom it concerns.

use std::sync::Arc;

use event_schemas::Envelope;
use event_schemas::cloud_event::Received;
use tokio::time::Instant;

use super::incoming::{self, Incoming};
use super::item::{Item, Owed, Reaction};
use super::lane::Lane;
use super::meter;
use super::partition::{Asked, Judgement, Phase};
use super::state::State;
use super::track::Reached;
use crate::ports::{LogRecord, TopicPartition};

impl State {
    /// Records came, in order per partition.
    pub(super) fn take_in(&mut self, records: Vec<LogRecord>) {
        let mut touched: Option<TopicPartition> = None;
        for record in records {
            let Some(partition) = self.partitions.get_mut(&record.at) else {
                // It was taken from us in between.
                continue;
            };
            partition.ended = None;
            partition.heard_at = Instant::now();
            if touched.as_ref().is_some_and(|at| *at != record.at) {
                let at = touched.take().expect("it is some");
                self.look_through(&at);
            }
            touched = Some(record.at.clone());
            if let Some(partition) = self.partitions.get_mut(&record.at) {
                partition.inbox.push_back(record);
            }
        }
        if let Some(at) = touched {
            self.look_through(&at);
        }
    }

    /// All that is in a partition was handed out. Control records at its end move the offset and nothing else.
    pub(super) fn reached_end(&mut self, at: &TopicPartition, offset: i64) {
        if let Some(partition) = self.partitions.get_mut(at) {
            partition.ended = Some(offset);
            partition.heard_at = Instant::now();
            if partition.inbox.is_empty() && partition.track.read_to() < offset {
                let reached = partition.reach(offset);
                self.moved += partition.track.pass(reached);
            }
        }
    }

    /// Looks through a partition's inbox until it is empty or the store has to be asked.
    pub(super) fn look_through(&mut self, at: &TopicPartition) {
        while let Some(partition) = self.partitions.get_mut(at)
            && partition.phase == Phase::Reading
            && partition.asked.is_none()
            && let Some(record) = partition.inbox.pop_front()
        {
            let read = incoming::read(
                &mut self.reader,
                &record,
                &self.source,
                partition.aggregate,
                partition.of,
            );
            match read {
                Incoming::Dead(why) => self.keep_dead_letter(record, why),
                Incoming::OtherHistory(incarnation) => {
                    self.pass_other_history(&record, incarnation)
                }
                Incoming::Event(received) => self.judge(record, *received),
            }
        }
    }

    fn judge(&mut self, record: LogRecord, received: Received) {
        let at = record.at.clone();
        let head = self.head.max(*self.arrivals.borrow());
        let partition = (self.partitions.get_mut(&at)).expect("its inbox is being looked through");
        let told = &received.envelope;
        let reach = Reached {
            position: told.position,
            offset: record.offset + 1,
        };
        match partition.judge(told.position, received.previous, told.event_id, head) {
            Judgement::Duplicate => {
                meter::duplicate(self.context.name);
                let reached = partition.reach(record.offset + 1);
                self.moved += partition.track.pass(reached);
            }
            Judgement::Next => {
                if partition.is_linked && received.previous < partition.last {
                    tracing::error!(
                        topic = %at.topic, partition = at.partition, offset = record.offset,
                        position = told.position, expected = partition.last,
                        "a record before this one claimed to be an event of the store and was none"
                    );
                }
                partition.took(told.position);
                self.route(
                    received.envelope,
                    received.previous,
                    Some(record),
                    reach,
                    &at,
                );
            }
            Judgement::BeyondHead => {
                partition.asked = Some(Asked::Head);
                partition.inbox.push_front(record);
                self.ask_head(&at);
            }
            Judgement::Doubtful => {
                partition.asked = Some(Asked::Record);
                partition.inbox.push_front(record);
                self.ask_whether_stored(&at, &received.envelope);
            }
            Judgement::Loss(until) => {
                partition.inbox.push_front(record);
                self.report_loss(&at, until, "a record names a position that was not read");
                self.refill(&at, until);
            }
        }
    }

    /// Gives an event to the lane of its key, if it concerns anybody.
    pub(super) fn route(
        &mut self,
        told: Envelope,
        previous: u64,
        record: Option<LogRecord>,
        reach: Reached,
        at: &TopicPartition,
    ) {
        let partition = (self.partitions.get_mut(at))
            .expect("an event is routed from a partition that is ours");
        let owed: Vec<_> = (self.context.policies.iter().zip(&partition.marks))
            .enumerate()
            .filter(|(_, (policy, mark))| {
                **mark < told.position && policy.listens(&told.aggregate, &told.name)
            })
            .map(|(policy, _)| Owed {
                policy,
                waiting: 0,
                state: Reaction::Open,
            })
            .collect();
        let is_known = partition
            .known
            .iter()
            .any(|known| *known.name == *told.name);
        let is_new = partition.marks.iter().any(|mark| *mark < told.position);
        if owed.is_empty() && (is_known || !is_new) {
            self.moved += partition.track.pass(reach);
            return;
        }
        let number = partition.track.take_up(reach);
        let item = Item {
            number,
            told,
            previous,
            record,
            owed,
            is_known,
            is_counted: false,
            fault: None,
        };
        self.enqueue(at, item);
    }

    fn enqueue(&mut self, at: &TopicPartition, item: Item) {
        self.queued += 1;
        self.queued_bytes += item.bytes();
        let key: Arc<str> = item.told.id.as_str().into();
        let address = (Arc::clone(&at.topic), Arc::clone(&key));
        let id = if let Some(id) = self.lane_ids.get(&address) {
            *id
        } else {
            let is_parked = self.parked_keys.contains(&address);
            self.last_lane += 1;
            let history = self.source.incarnation;
            let lane = Lane::new(at.clone(), key, is_parked, history);
            self.lanes.insert(self.last_lane, lane);
            self.lane_ids.insert(address, self.last_lane);
            self.last_lane
        };
        let lane = self.lanes.get_mut(&id).expect("each id has its lane");
        lane.items.push_back(item);
        self.make_ready(id);
    }

    fn pass_other_history(&mut self, record: &LogRecord, incarnation: uuid::Uuid) {
        meter::other_history(self.context.name);
        let partition =
            (self.partitions.get_mut(&record.at)).expect("its inbox is being looked through");
        if partition.reported.replace(incarnation) != Some(incarnation) {
            tracing::warn!(
                topic = %record.at.topic, partition = record.at.partition, offset = record.offset,
                %incarnation, followed = %self.source.incarnation,
                "records of another incarnation of the store are passed over"
            );
        }
        let reached = partition.reach(record.offset + 1);
        self.moved += partition.track.pass(reached);
    }
}
