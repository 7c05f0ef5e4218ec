//! Writing what cqrs-es decided: one append, with its snapshot in the same transaction.

use bytes::Bytes;
use cqrs_es::persist::{PersistenceError, SerializedEvent};
use jangbu_runtime::hash;
use jangbu_runtime::ports::{
    AppendError, Appender, Entry, EventStore, FastOutcome, NewEvent, StoreError, Stream, limits,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Repository, persistence_error};
use crate::append::{KeptSnapshot, PostgresAppender};

impl Repository {
    pub(super) async fn persist_as(
        &self,
        aggregate: &str,
        events: &[SerializedEvent],
        snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        let Some(id) = events
            .first()
            .map(|event| &event.aggregate_id)
            .or(snapshot_update.as_ref().map(|(id, ..)| id))
        else {
            return Ok(());
        };
        let entry = self.entry(Stream::new(aggregate, id.as_str()), events)?;
        let snapshot = match snapshot_update {
            None => None,
            Some((_, state, number)) => Some(KeptSnapshot {
                version: entry.events.last().map_or(0, |event| event.sequence),
                number: number as u64,
                state: serde_json::to_vec(&state)?,
            }),
        };
        let first = store(&mut *self.appender.lock().await, &entry, snapshot.as_ref()).await?;
        if let (Some(first), false) = (first, entry.events.is_empty()) {
            self.store.announce(first + entry.events.len() as u64 - 1);
        }
        Ok(())
    }

    fn entry(&self, stream: Stream, events: &[SerializedEvent]) -> Result<Entry, PersistenceError> {
        let command_id = Uuid::now_v7();
        let mut new_events = Vec::with_capacity(events.len());
        for (event, ordinal) in events.iter().zip(0..) {
            let mut new = NewEvent {
                stream: stream.clone(),
                sequence: event.sequence as u64,
                name: event.event_type.clone().into(),
                version: event.event_version.clone().into(),
                payload: Bytes::from(self.shape.write(&event.payload)?),
                metadata: Bytes::from(serde_json::to_vec(&event.metadata)?),
                event_id: Uuid::now_v7(),
                ordinal,
                leaf: [0; 32],
            };
            if let Some(what) = limits::poison_of_event(&new) {
                let refused = StoreError::Refused { what, source: None };
                return Err(PersistenceError::UnknownError(Box::new(refused)));
            }
            new.leaf = hash::leaf_of(&new, command_id);
            new_events.push(new);
        }
        let version = new_events
            .first()
            .map_or(0, |event: &NewEvent| event.sequence.saturating_sub(1));
        Ok(Entry {
            command_id,
            stream,
            version,
            expected_version: None,
            events: new_events,
            version_known: false,
        })
    }
}

/// Stores an entry, and finds out whether it did where the answer was lost. Where its first event stands, if known.
async fn store(
    appender: &mut PostgresAppender,
    entry: &Entry,
    snapshot: Option<&KeptSnapshot>,
) -> Result<Option<u64>, PersistenceError> {
    match appender.append_one(entry, snapshot).await {
        Ok(FastOutcome::Appended(appended)) => Ok(Some(appended.first)),
        Ok(FastOutcome::Failed) => Err(PersistenceError::OptimisticLockError),
        Err(AppendError::NotDone(error) | AppendError::Fatal(error)) => {
            Err(persistence_error(error))
        }
        Err(AppendError::Unknown(error)) => {
            appender.recover().await.map_err(persistence_error)?;
            let facts = appender
                .look_up(&[entry.command_id])
                .await
                .map_err(persistence_error)?;
            match facts.first() {
                Some(fact) => Ok(Some(fact.position)),
                None if entry.events.is_empty() => Ok(None),
                None => Err(persistence_error(error)),
            }
        }
    }
}
