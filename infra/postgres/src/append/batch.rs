//! A batch, laid out for the append function: its events in a row, and the look-ups the store is asked for.

use std::collections::{HashMap, HashSet};

use jangbu_runtime::hash;
use jangbu_runtime::ports::{Entry, NewEvent, Stream, limits};
use uuid::Uuid;

/// "An aggregate has an event of this sequence, and none of that" (0: not asked).
pub(crate) struct Check<'b> {
    pub(crate) stream: &'b Stream,
    pub(crate) present: u64,
    pub(crate) absent: u64,
}

pub(crate) struct Batch<'b> {
    pub(crate) events: Vec<(&'b Entry, &'b NewEvent)>,
    pub(crate) checks: Vec<Check<'b>>,
    pub(crate) unknown: Vec<Uuid>,
}

impl<'b> Batch<'b> {
    /// Lays a batch out; none where it cannot be stored whole whatever the store holds.
    pub(crate) fn of(entries: &'b [Entry], check_everything: bool) -> Option<Self> {
        let amount = entries.iter().map(|entry| entry.events.len()).sum();
        let mut batch = Self {
            events: Vec::with_capacity(amount),
            checks: Vec::new(),
            unknown: Vec::new(),
        };
        // Where each aggregate stands at this place of the batch.
        let mut versions: HashMap<&Stream, u64> = HashMap::with_capacity(entries.len());
        for entry in entries {
            let is_numbered =
                is_numbered(entry) && entry.expected_version.is_none_or(|is| is == entry.version);
            if !is_numbered
                || entry
                    .events
                    .iter()
                    .any(|event| limits::poison_of_event(event).is_some())
            {
                return None;
            }
            let own = entry
                .events
                .iter()
                .filter(|event| event.stream == entry.stream)
                .count() as u64;
            match versions.insert(&entry.stream, entry.version + own) {
                Some(version) if version != entry.version => return None,
                Some(_) => {}
                None => batch.check(entry, own > 0, check_everything),
            }
            if entry.events.is_empty() {
                batch.unknown.push(entry.command_id);
            }
            batch
                .events
                .extend(entry.events.iter().map(|event| (entry, event)));
        }
        batch.is_without_repeats(entries).then_some(batch)
    }

    /// The first entry of an aggregate asks the store where it stands.
    fn check(&mut self, entry: &'b Entry, appends: bool, check_everything: bool) {
        let known = entry.version_known && !check_everything;
        let present = if known { 0 } else { entry.version };
        // Where it appends, the primary key says that nothing stood at the next sequence. Otherwise somebody has to
        // look, also where we have the store's word for the version: it may have moved on since.
        let absent = if appends { 0 } else { entry.version + 1 };
        if present > 0 || absent > 0 {
            self.checks.push(Check {
                stream: &entry.stream,
                present,
                absent,
            });
        }
    }

    /// An id that is only to be unknown may not stand elsewhere in the batch; all others meet in the unique key.
    fn is_without_repeats(&self, entries: &[Entry]) -> bool {
        let mut seen = HashSet::new();
        self.unknown.is_empty() || entries.iter().all(|entry| seen.insert(entry.command_id))
    }

    /// The Merkle root over the leaves, computed before the lock is had.
    pub(crate) fn root(&self) -> [u8; 32] {
        let leaves: Vec<_> = self.events.iter().map(|(_, event)| event.leaf).collect();
        hash::root(&leaves)
    }
}

/// True if an entry's events follow its version without a gap, or are the one event of its command's own stream.
pub(super) fn is_numbered(entry: &Entry) -> bool {
    let mut version = entry.version;
    entry.events.iter().zip(0..).all(|(event, ordinal)| {
        let follows = if event.stream == entry.stream {
            version += 1;
            event.sequence == version
        } else {
            event.sequence == 1 && *event.stream.id == *entry.command_id.to_string()
        };
        follows && event.ordinal == ordinal
    })
}
