//! What the log claims and cannot be believed unseen is asked of the store: a record that does not follow the one
//! before it, or a position that nobody has heard of. Forged, it must not silence its partition.

use std::sync::Arc;

use event_schemas::Envelope;

use super::job::{Done, Place};
use super::state::State;
use super::until::until_told;
use crate::ports::{EventStore, StoreError, TopicPartition};

impl State {
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
