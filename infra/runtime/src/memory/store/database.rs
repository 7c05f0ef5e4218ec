//! The database behind all handles: what is stored, and the judgement of batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, SubsecRound, Utc};
use event_schemas::Envelope;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use crate::bell::Bell;
use crate::ports::{
    Appended, Clock, Entry, EventFilter, FastOutcome, Head, Judged, Load, LoadFrom, Loaded,
    NewSnapshot, Snapshot, Stream, Verdict, limits,
};

/// For so long an aggregate that lost a race is named in every append's answer.
const CONTENDED_FOR: Duration = Duration::from_secs(1);
/// At most so many missed events come along with a conflict.
const MISSED_LIMIT: usize = 1_000;

/// An event store's memory; clones are the same one.
#[derive(Clone)]
pub struct MemoryDatabase(Arc<Shared>);

struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    listeners: Mutex<Vec<Weak<Bell>>>,
}

#[derive(Default)]
struct State {
    incarnations: Vec<Uuid>,
    generation: u64,
    events: Vec<Envelope>,
    /// Index of each event by its stream, in order.
    streams: HashMap<Stream, Vec<usize>>,
    commands: HashMap<Uuid, Vec<usize>>,
    snapshots: HashMap<Stream, Snapshot>,
    contended: Vec<(Stream, Instant)>,
    turns: HashMap<Stream, Arc<tokio::sync::Mutex<()>>>,
    /// Appends whose answer was lost and that are still at work.
    at_work: Vec<(Instant, Vec<Entry>, bool)>,
}

impl MemoryDatabase {
    /// An empty one.
    pub fn new(name: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            incarnations: vec![clock.event_id()],
            ..State::default()
        };
        Self(Arc::new(Shared {
            name: name.into(),
            clock,
            state: Mutex::new(state),
            listeners: Mutex::new(Vec::new()),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// The state, with every append whose time has come carried out.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(at) = state
            .at_work
            .iter()
            .position(|(due, ..)| *due <= Instant::now())
        {
            let (_, entries, checked) = state.at_work.remove(at);
            let now = self.0.clock.now();
            if checked {
                state.append_checked(&entries, now);
            } else {
                state.append(&entries, now);
            }
        }
        state
    }

    /// Incarnation, generation and head.
    pub(super) fn identity(&self) -> (Uuid, u64, Head) {
        let state = self.state();
        let head = state.events.last().map_or_else(Head::default, |last| Head {
            position: last.position,
            event_id: Some(last.event_id),
            recorded_at: Some(last.recorded_at),
        });
        let incarnation = *state
            .incarnations
            .last()
            .expect("a store has an incarnation");
        (incarnation, state.generation, head)
    }

    /// Rises whenever all connections break.
    pub(super) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Every incarnation so far, the newest last.
    #[must_use]
    pub fn incarnations(&self) -> Vec<Uuid> {
        self.state().incarnations.clone()
    }

    /// The event at a position.
    #[must_use]
    pub fn event_at(&self, position: u64) -> Option<Uuid> {
        let state = self.state();
        let index = usize::try_from(position.checked_sub(1)?).ok()?;
        state.events.get(index).map(|event| event.event_id)
    }

    /// A backup is restored: everything after `position` never happened. Every connection breaks.
    pub fn restore(&self, position: u64) {
        let mut state = self.state();
        state.at_work.clear();
        let keep = usize::try_from(position).unwrap_or(usize::MAX);
        state.undo_to(keep);
        state.snapshots.clear();
        state.generation += 1;
    }

    /// An operator accepts the forked history.
    pub fn repair_fork(&self) {
        let incarnation = self.0.clock.event_id();
        let mut state = self.state();
        state.incarnations.push(incarnation);
        state.generation += 1;
    }

    pub(super) fn append(&self, entries: &[Entry]) -> FastOutcome {
        let now = self.0.clock.now();
        self.state().append(entries, now)
    }

    pub(super) fn append_checked(&self, entries: &[Entry]) -> Judged {
        let now = self.0.clock.now();
        self.state().append_checked(entries, now)
    }

    /// Takes an append whose answer will never come; it is carried out when `due`.
    pub(super) fn append_later(&self, due: Instant, entries: &[Entry], checked: bool) {
        self.state().at_work.push((due, entries.to_vec(), checked));
    }

    /// When the last append that is still at work will be done.
    pub(super) fn at_work_until(&self) -> Option<Instant> {
        self.state().at_work.iter().map(|(due, ..)| *due).max()
    }

    pub(super) fn facts(&self, command_id: Uuid) -> Vec<Envelope> {
        self.state().facts(command_id)
    }

    pub(super) fn load(&self, loads: &[Load]) -> Vec<Loaded> {
        let state = self.state();
        loads.iter().map(|load| state.load(load)).collect()
    }

    pub(super) fn read(&self, after: u64, limit: usize) -> Vec<Envelope> {
        let state = self.state();
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        state
            .events
            .iter()
            .skip(from)
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn search(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> (Vec<Envelope>, u64) {
        let state = self.state();
        let until = filter.until.unwrap_or(u64::MAX);
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        let found: Vec<_> = (state.events.iter().skip(from))
            .take_while(|event| event.position <= until)
            .filter(|event| lets_through(filter, event))
            .take(limit)
            .cloned()
            .collect();
        let looked = if found.len() == limit {
            found.last().map_or(after, |last| last.position)
        } else {
            (state.events.len() as u64).min(until).max(after)
        };
        (found, looked)
    }

    pub(super) fn turn_lock(&self, stream: &Stream) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.state().turns.entry(stream.clone()).or_default())
    }

    pub(super) fn save_snapshots(&self, snapshots: Vec<NewSnapshot>) {
        let mut state = self.state();
        for new in snapshots {
            // A snapshot of events that a restore took away must not come back.
            if state.event_at(&new.stream, new.snapshot.version) == Some(new.last_event) {
                state.snapshots.insert(new.stream, new.snapshot);
            }
        }
    }

    /// Another process's arrivals, to be told as NOTIFY would.
    pub(super) fn listen(&self, arrivals: &Arc<Bell>) {
        let mut listeners = self
            .0
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A process that is gone listens no more.
        listeners.retain(|known| known.strong_count() > 0);
        let known = |one: &Weak<Bell>| one.as_ptr() == Arc::as_ptr(arrivals);
        if !listeners.iter().any(known) {
            listeners.push(Arc::downgrade(arrivals));
        }
    }

    pub(super) fn notify(&self, position: u64) {
        let listeners = self
            .0
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for arrivals in listeners.iter().filter_map(Weak::upgrade) {
            arrivals.ring(|newest| newest.max(position));
        }
    }
}

fn lets_through(filter: &EventFilter, event: &Envelope) -> bool {
    let metadata = event.read_metadata();
    let wants =
        |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    wants(&filter.aggregate, &event.aggregate)
        && wants(&filter.aggregate_id, &event.id)
        && (filter.names.is_empty() || filter.names.iter().any(|name| **name == *event.name))
        && wants(&filter.actor, &metadata.actor)
        && wants(&filter.correlation_id, &metadata.correlation_id)
        && filter
            .command_id
            .is_none_or(|wanted| wanted == event.command_id)
}

impl State {
    fn version(&self, stream: &Stream) -> u64 {
        self.streams
            .get(stream)
            .map_or(0, |events| events.len() as u64)
    }

    /// The event of an aggregate's version.
    fn event_at(&self, stream: &Stream, version: u64) -> Option<Uuid> {
        let before = usize::try_from(version).ok()?.checked_sub(1)?;
        let index = *self.streams.get(stream)?.get(before)?;
        Some(self.events[index].event_id)
    }

    fn facts(&self, command_id: Uuid) -> Vec<Envelope> {
        let indices = self
            .commands
            .get(&command_id)
            .map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .map(|index| self.events[*index].clone())
            .collect()
    }

    fn load(&self, load: &Load) -> Loaded {
        let (snapshot, after) = match load.from {
            LoadFrom::Scratch { schema } => {
                let snapshot = self
                    .snapshots
                    .get(&load.stream)
                    .filter(|snapshot| snapshot.schema == schema)
                    .cloned();
                let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
                (snapshot, after)
            }
            LoadFrom::After { version } => (None, version),
        };
        Loaded {
            stream: load.stream.clone(),
            snapshot,
            events: self.events_of(&load.stream, after, usize::MAX),
            version: self.version(&load.stream),
        }
    }

    fn events_of(&self, stream: &Stream, after: u64, limit: usize) -> Vec<Envelope> {
        let indices = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        indices
            .iter()
            .skip(from)
            .take(limit)
            .map(|index| self.events[*index].clone())
            .collect()
    }

    fn append(&mut self, entries: &[Entry], now: DateTime<Utc>) -> FastOutcome {
        let before = self.events.len();
        let recorded_at = self.block_time(now);
        for entry in entries {
            if self.judge(entry).is_some() {
                self.undo_to(before);
                return FastOutcome::Failed;
            }
            self.store(entry, recorded_at);
        }
        FastOutcome::Appended(Appended {
            first: before as u64 + 1,
            recorded_at,
            contended: self.contended(),
        })
    }

    fn append_checked(&mut self, entries: &[Entry], now: DateTime<Utc>) -> Judged {
        let recorded_at = self.block_time(now);
        let mut failed: Vec<&Stream> = Vec::new();
        let mut verdicts = Vec::with_capacity(entries.len());
        for entry in entries {
            let facts = self.facts(entry.command_id);
            let verdict = if !facts.is_empty() {
                Some(Verdict::AlreadyDone { facts })
            } else if failed.contains(&&entry.stream) {
                Some(Verdict::Behind)
            } else {
                self.judge(entry)
            };
            let verdict = verdict.unwrap_or_else(|| {
                let first = self.events.len() as u64 + u64::from(!entry.events.is_empty());
                self.store(entry, recorded_at);
                Verdict::Appended { first }
            });
            if !matches!(verdict, Verdict::Appended { .. }) {
                failed.push(&entry.stream);
            }
            if matches!(verdict, Verdict::Conflict { .. }) {
                self.contended.push((entry.stream.clone(), Instant::now()));
            }
            verdicts.push(verdict);
        }
        Judged {
            verdicts,
            recorded_at,
            contended: self.contended(),
        }
    }

    /// Why an entry cannot be stored; none if it can.
    fn judge(&self, entry: &Entry) -> Option<Verdict> {
        let facts = self.facts(entry.command_id);
        if !facts.is_empty() {
            return Some(Verdict::AlreadyDone { facts });
        }
        let actual = self.version(&entry.stream);
        if entry
            .expected_version
            .is_some_and(|expected| expected != actual)
        {
            return Some(Verdict::VersionMismatch { actual });
        }
        if actual != entry.version {
            let missed = self.events_of(&entry.stream, entry.version, MISSED_LIMIT);
            return Some(Verdict::Conflict { actual, missed });
        }
        let mut next: HashMap<&Stream, u64> = HashMap::new();
        for event in &entry.events {
            if let Some(why) = poison(event) {
                return Some(Verdict::RefusedAsData { why });
            }
            let version = next
                .entry(&event.stream)
                .or_insert_with(|| self.version(&event.stream));
            *version += 1;
            if event.sequence != *version {
                let missed = Vec::new();
                return Some(Verdict::Conflict { actual, missed });
            }
        }
        None
    }

    fn store(&mut self, entry: &Entry, recorded_at: DateTime<Utc>) {
        for event in &entry.events {
            let index = self.events.len();
            self.events.push(Envelope {
                position: index as u64 + 1,
                event_id: event.event_id,
                aggregate: Arc::clone(&event.stream.aggregate),
                id: event.stream.id.to_string(),
                sequence: event.sequence,
                name: event.name.as_ref().into(),
                version: event.version.as_ref().into(),
                payload: event.payload.clone(),
                metadata: event.metadata.clone(),
                command_id: entry.command_id,
                command_ordinal: event.ordinal,
                recorded_at,
            });
            self.streams
                .entry(event.stream.clone())
                .or_default()
                .push(index);
            self.commands
                .entry(entry.command_id)
                .or_default()
                .push(index);
        }
    }

    fn undo_to(&mut self, keep: usize) {
        while self.events.len() > keep {
            let event = self.events.pop().expect("there are more than are kept");
            let stream = Stream::new(event.aggregate, event.id);
            for indices in [
                self.streams.get_mut(&stream),
                self.commands.get_mut(&event.command_id),
            ] {
                indices.expect("a stored event is indexed").pop();
            }
        }
    }

    fn block_time(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let now = now.trunc_subsecs(6);
        self.events
            .last()
            .map_or(now, |last| last.recorded_at.max(now))
    }

    fn contended(&mut self) -> Vec<Stream> {
        self.contended
            .retain(|(_, noted)| noted.elapsed() < CONTENDED_FOR);
        let mut names: Vec<_> = self
            .contended
            .iter()
            .map(|(stream, _)| stream.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// What the store would never take.
fn poison(event: &crate::ports::NewEvent) -> Option<String> {
    limits::poison_of_event(event)
        .or_else(|| limits::poison_of_json(&event.payload))
        .or_else(|| limits::poison_of_json(&event.metadata))
}
