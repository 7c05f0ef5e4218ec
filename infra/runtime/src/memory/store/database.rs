//! The database behind all handles.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use event_schemas::Envelope;
use tokio::time::Instant;
use uuid::Uuid;

use crate::bell::Bell;
use crate::ports::{
    Clock, Entry, EventFilter, FastOutcome, Head, Judged, Load, Loaded, NewSnapshot, Stream,
};
use state::State;

/// An event store's memory; clones are the same one.
#[derive(Clone)]
pub struct MemoryDatabase(Arc<Shared>);

struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    listeners: Mutex<Vec<Weak<Bell>>>,
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
