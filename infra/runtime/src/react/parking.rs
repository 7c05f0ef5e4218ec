//! What cannot be reacted to now is put aside in order, and a context whose handlers are broken stops.

use std::sync::Arc;

use bytes::Bytes;
use event_schemas::Source;
use event_schemas::cloud_event::Headers;

use super::item::Item;
use super::job::Done;
use super::lane::Phase;
use super::meter;
use super::state::{State, Stopped};
use super::track::Reached;
use super::until::until_told;
use crate::ports::{ContextState, LogRecord, Parked, StoreError, TopicPartition};

/// An error text is cut here: it is for people to read.
const ERROR_LIMIT: usize = 2_000;

impl State {
    /// Puts the event at the front of a lane aside; everything after it goes behind it. A context that has stopped
    /// parks nothing more: what failed is tried again once it is resumed.
    pub(super) fn park(&mut self, id: u64, why: String, is_unknown: bool) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if self.stopped.is_some() {
            return;
        }
        if !is_unknown
            && !lane.count_front()
            && let Some(why) = self.health.parked(&lane.at.topic, &lane.key)
        {
            self.stop(why);
        }
        let Some(row) = self.row(id, why, is_unknown) else {
            return;
        };
        let progress = Arc::clone(&self.with.progress);
        let turns = Arc::clone(&self.turns);
        self.jobs.push(Box::pin(async move {
            let _turn = turns.acquire().await;
            let result = progress.park(&row).await;
            Done::Parked(id, result.map(|()| Box::new(row)))
        }));
    }

    /// Puts the event at the front of a lane behind what is parked of its key.
    pub(super) fn park_behind(&mut self, id: u64) {
        let why = "stands behind a parked event of its key".to_owned();
        let is_unknown = self
            .lanes
            .get(&id)
            .and_then(|lane| lane.items.front())
            .is_some_and(|item| !item.is_known);
        let Some(row) = self.row(id, why, is_unknown) else {
            return;
        };
        let progress = Arc::clone(&self.with.progress);
        let turns = Arc::clone(&self.turns);
        self.jobs.push(Box::pin(async move {
            let _turn = turns.acquire().await;
            Done::WentBehind(id, progress.park_behind(&row).await)
        }));
    }

    /// The row of the event at the front, which is then being asked for.
    fn row(&mut self, id: u64, mut error: String, unknown: bool) -> Option<Parked> {
        let lane = self.lanes.get_mut(&id)?;
        let item = lane.items.front()?;
        while error.len() > ERROR_LIMIT {
            error.pop();
        }
        let policies = &self.context.policies;
        let row = Parked {
            number: 0,
            context: self.context.name.to_owned(),
            topic: lane.at.topic.to_string(),
            key: lane.key.to_string(),
            position: item.told.position,
            record: record_of(item, &lane.at, &self.source),
            error,
            unknown,
            owed: item
                .unserved()
                .map(|policy| policies[policy].name().to_owned())
                .collect(),
            parked_at: self.with.clock.now(),
        };
        lane.phase = Phase::Asking;
        Some(row)
    }

    pub(super) fn parked(&mut self, id: u64, result: Result<Box<Parked>, StoreError>) {
        match result {
            Ok(row) => self.is_parked(id, &row),
            Err(error) => self.ledger_failed(id, &error),
        }
    }

    fn is_parked(&mut self, id: u64, row: &Parked) {
        let address: (Arc<str>, Arc<str>) = (row.topic.as_str().into(), row.key.as_str().into());
        self.parked_keys.insert(address);
        meter::parked(self.context.name, row.unknown);
        tracing::error!(
            context = self.context.name, topic = row.topic, key = row.key, position = row.position,
            error = row.error, unknown = row.unknown, owed = ?row.owed,
            "an event is parked; see `jangbu parked`"
        );
        self.leave_front(id, |lane| lane.is_parked = true);
    }

    pub(super) fn went_behind(&mut self, id: u64, result: Result<bool, StoreError>) {
        match result {
            Ok(true) => self.leave_front(id, |_| {}),
            Ok(false) => {
                // What was parked has been redriven meanwhile: from here on the key runs as any other.
                if let Some(lane) = self.lanes.get_mut(&id) {
                    lane.is_parked = false;
                    lane.phase = Phase::Open;
                    let address = (Arc::clone(&lane.at.topic), Arc::clone(&lane.key));
                    self.parked_keys.remove(&address);
                    self.make_ready(id);
                }
            }
            Err(error) => self.ledger_failed(id, &error),
        }
    }

    fn leave_front(&mut self, id: u64, then: impl FnOnce(&mut super::lane::Lane)) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        then(lane);
        lane.phase = Phase::Open;
        let at = lane.at.clone();
        if let Some(item) = lane.take_front() {
            self.forget(&at, &item);
        }
        self.make_ready(id);
        self.remove_if_empty(id);
    }

    /// The event stays at the front, and everything about it is tried again.
    fn ledger_failed(&mut self, id: u64, error: &StoreError) {
        let error: &dyn std::error::Error = error;
        tracing::warn!(
            context = self.context.name,
            error,
            "an event cannot be parked now"
        );
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.patience.tries += 1;
            self.wait(id);
        }
    }

    /// Keeps a record that is nothing of ours. Progress moves over it once it is kept.
    pub(super) fn keep_dead_letter(&mut self, record: LogRecord, why: String) {
        let place = self.place(&record.at);
        let Some(partition) = self.partition(&place) else {
            return;
        };
        let reached = Reached {
            position: partition.last,
            offset: record.offset + 1,
        };
        let number = partition.track.take_up(reached);
        self.queued += 1;
        meter::dead_letter(self.context.name);
        tracing::warn!(
            topic = %record.at.topic, partition = record.at.partition, offset = record.offset, why,
            "a record goes to the dead letters"
        );
        let progress = Arc::clone(&self.with.progress);
        let (group, wait) = (
            self.context.group.clone(),
            self.context.options.longest_wait,
        );
        let turns = Arc::clone(&self.turns);
        self.jobs.push(Box::pin(async move {
            let _turn = turns.acquire().await;
            until_told(wait, "whether a dead letter is kept", || {
                progress.dead_letter(&group, &record, &why)
            })
            .await;
            Done::DeadLetter(place, number)
        }));
    }

    pub(super) fn dead_letter_kept(&mut self, place: &super::job::Place, number: u64) {
        self.queued -= 1;
        let moved = self
            .partition(place)
            .map_or(0, |partition| partition.track.finish(number));
        self.moved += moved;
    }

    /// The handlers are broken, and not the events.
    fn stop(&mut self, why: String) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some(Stopped { is_noted: false });
        meter::is_stopped(self.context.name, true);
        tracing::error!(
            context = self.context.name,
            why,
            "the context stops reacting; mend it, then `jangbu parked resume`"
        );
        let state = ContextState::Stopped {
            why,
            since: self.with.clock.now(),
        };
        let progress = Arc::clone(&self.with.progress);
        let (name, wait) = (self.context.name, self.context.options.longest_wait);
        self.jobs.push(Box::pin(async move {
            until_told(wait, "whether a stop is noted", || {
                progress.set_state(name, &state)
            })
            .await;
            Done::StopNoted
        }));
    }

    pub(super) fn stop_noted(&mut self) {
        if let Some(stopped) = &mut self.stopped {
            stopped.is_noted = true;
            // What is being read right now may have been read before.
            self.look_is_old = self.is_looking;
        }
    }

    /// The ledger says whether the context reacts; everybody who reacts in it hears that.
    pub(super) fn told_state(&mut self, state: &ContextState) {
        match (state, &self.stopped) {
            (ContextState::Stopped { why, .. }, None) => {
                tracing::error!(context = self.context.name, why, "the context is stopped");
                meter::is_stopped(self.context.name, true);
                self.stopped = Some(Stopped { is_noted: true });
            }
            (ContextState::Running, Some(Stopped { is_noted: true })) => {
                tracing::info!(context = self.context.name, "the context reacts again");
                meter::is_stopped(self.context.name, false);
                self.stopped = None;
                self.health = super::health::Health::default();
                let all: Vec<_> = self.lanes.keys().copied().collect();
                for id in all {
                    self.make_ready(id);
                }
            }
            _ => {}
        }
    }
}

/// The record as it was read; an event that came from the store gets the record it would have had.
fn record_of(item: &Item, at: &TopicPartition, source: &Source) -> LogRecord {
    if let Some(record) = &item.record {
        return record.clone();
    }
    let mut headers = Headers::new();
    let pairs = headers.write(&item.told, source, item.previous);
    LogRecord {
        at: at.clone(),
        offset: -1,
        key: Some(Bytes::copy_from_slice(item.told.id.as_bytes())),
        value: Some(item.told.payload.clone()),
        headers: pairs
            .iter()
            .map(|(name, value)| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                ((*name).to_owned(), Some(value))
            })
            .collect(),
    }
}
