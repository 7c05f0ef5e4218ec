//! The newest events that this process itself appended: whoever follows the store here need not ask the server for them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_schemas::Envelope;
use jangbu_runtime::ports::{Appended, Entry};
use uuid::Uuid;

use crate::envelope::Names;

/// So many are kept, and at most so many bytes of them. Followers are rarely further behind; one that is asks the server.
const EVENTS: usize = 4_096;
const BYTES: usize = 16 << 20;

/// A run of events without a gap, as the store acknowledged them.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Nothing is kept until somebody has asked.
    is_wanted: bool,
    /// The history that they are of.
    incarnation: Uuid,
    events: VecDeque<Envelope>,
    bytes: usize,
}

impl Recent {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch was stored.
    pub(crate) fn appended(
        &self,
        incarnation: Uuid,
        names: &Names,
        batch: &[Entry],
        told: &Appended,
    ) {
        let mut kept = self.kept();
        if !kept.is_wanted {
            return;
        }
        let follows = kept
            .events
            .back()
            .is_some_and(|last| last.position + 1 == told.first);
        if !follows || kept.incarnation != incarnation {
            kept.begin(incarnation);
        }
        let events = batch.iter().flat_map(|entry| {
            let command_id = entry.command_id;
            entry.events.iter().map(move |event| (command_id, event))
        });
        for ((command_id, event), position) in events.zip(told.first..) {
            kept.push(Envelope {
                position,
                event_id: event.event_id,
                aggregate: event.stream.aggregate.clone(),
                id: event.stream.id.to_string(),
                sequence: event.sequence,
                name: names.share(&event.name),
                version: names.share(&event.version),
                payload: event.payload.clone(),
                metadata: event.metadata.clone(),
                command_id,
                command_ordinal: event.ordinal,
                recorded_at: told.recorded_at,
            });
        }
    }

    /// The events after a position, if they are here and of that history.
    pub(crate) fn after(
        &self,
        incarnation: Uuid,
        position: u64,
        limit: usize,
    ) -> Option<Vec<Envelope>> {
        let mut kept = self.kept();
        kept.is_wanted = true;
        if kept.incarnation != incarnation {
            return None;
        }
        let first = kept.events.front()?.position;
        let from = usize::try_from((position + 1).checked_sub(first)?).ok()?;
        if from >= kept.events.len() {
            return None;
        }
        Some(kept.events.range(from..).take(limit).cloned().collect())
    }
}

impl Kept {
    fn begin(&mut self, incarnation: Uuid) {
        self.incarnation = incarnation;
        self.events.clear();
        self.bytes = 0;
    }

    fn push(&mut self, event: Envelope) {
        self.bytes += event.payload.len() + event.metadata.len();
        self.events.push_back(event);
        while self.events.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.payload.len() + oldest.metadata.len();
        }
    }
}
