//! What is stored, and the judgement of batches.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use event_schemas::Envelope;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use crate::ports::{
    Appended, Entry, FastOutcome, Judged, Load, LoadFrom, Loaded, Snapshot, Stream, Verdict, limits,
};

/// For so long an aggregate that lost a race is named in every append's answer.
const CONTENDED_FOR: Duration = Duration::from_secs(1);
/// At most so many missed events come along with a conflict.
const MISSED_LIMIT: usize = 1_000;

#[derive(Default)]
pub(super) struct State {
    pub(super) incarnations: Vec<Uuid>,
    pub(super) generation: u64,
    pub(super) events: Vec<Envelope>,
    /// Index of each event by its stream, in order.
    pub(super) streams: HashMap<Stream, Vec<usize>>,
    pub(super) commands: HashMap<Uuid, Vec<usize>>,
    pub(super) snapshots: HashMap<Stream, Snapshot>,
    pub(super) contended: Vec<(Stream, Instant)>,
    pub(super) turns: HashMap<Stream, Arc<tokio::sync::Mutex<()>>>,
    /// Appends whose answer was lost and that are still at work.
    pub(super) at_work: Vec<(Instant, Vec<Entry>, bool)>,
}

impl State {
    pub(super) fn version(&self, stream: &Stream) -> u64 {
        self.streams
            .get(stream)
            .map_or(0, |events| events.len() as u64)
    }

    /// The event of an aggregate's version.
    pub(super) fn event_at(&self, stream: &Stream, version: u64) -> Option<Uuid> {
        let before = usize::try_from(version).ok()?.checked_sub(1)?;
        let index = *self.streams.get(stream)?.get(before)?;
        Some(self.events[index].event_id)
    }

    pub(super) fn facts(&self, command_id: Uuid) -> Vec<Envelope> {
        let indices = self
            .commands
            .get(&command_id)
            .map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .map(|index| self.events[*index].clone())
            .collect()
    }

    pub(super) fn load(&self, load: &Load) -> Loaded {
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

    pub(super) fn events_of(&self, stream: &Stream, after: u64, limit: usize) -> Vec<Envelope> {
        let indices = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        indices
            .iter()
            .skip(from)
            .take(limit)
            .map(|index| self.events[*index].clone())
            .collect()
    }

    pub(super) fn append(&mut self, entries: &[Entry], now: DateTime<Utc>) -> FastOutcome {
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

    pub(super) fn append_checked(&mut self, entries: &[Entry], now: DateTime<Utc>) -> Judged {
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
    pub(super) fn judge(&self, entry: &Entry) -> Option<Verdict> {
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

    pub(super) fn store(&mut self, entry: &Entry, recorded_at: DateTime<Utc>) {
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

    pub(super) fn undo_to(&mut self, keep: usize) {
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

    pub(super) fn block_time(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let now = now.trunc_subsecs(6);
        self.events
            .last()
            .map_or(now, |last| last.recorded_at.max(now))
    }

    pub(super) fn contended(&mut self) -> Vec<Stream> {
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
