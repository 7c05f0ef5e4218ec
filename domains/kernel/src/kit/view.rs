//! A history and what is shown of it: `show(view).hears(id, event).document(key)`.

use std::collections::BTreeMap;

use chrono::DateTime;
use event_schemas::{Envelope, Event, EventList};
use uuid::Uuid;

use crate::{ColumnValue, Document, Found, FoundDocuments, Projection, View};

/// A view and the documents it made of what it heard.
pub struct Shown<R: Document> {
    view: View<R>,
    position: u64,
    documents: BTreeMap<String, Found>,
    columns: BTreeMap<String, Vec<ColumnValue>>,
}

/// A view that has heard nothing yet.
pub fn show<R: Document>(view: View<R>) -> Shown<R> {
    Shown {
        view,
        position: 0,
        documents: BTreeMap::new(),
        columns: BTreeMap::new(),
    }
}

impl<R: Document> Shown<R> {
    /// The next event of the store, said by the aggregate with that id. It goes the whole way: written as a payload,
    /// read, folded into the stored document, stored.
    ///
    /// # Panics
    /// When the event cannot be written or read, or a document cannot.
    #[must_use]
    pub fn hears<E: Event>(self, id: E::Id, event: E) -> Self {
        self.hears_one::<E::List>(&id, &event.into())
    }

    /// The same for an event out of a list.
    ///
    /// # Panics
    /// When the event cannot be written or read, or a document cannot.
    #[must_use]
    pub fn hears_one<L: EventList>(mut self, id: &L::Id, event: &L) -> Self {
        self.position += 1;
        let told = told(self.position, id, event);
        let mut batch = self.view.batch();
        batch
            .hear(&told)
            .expect("a view can read what was just written");
        let found: FoundDocuments = batch
            .keys()
            .into_iter()
            .filter_map(|key| self.documents.get(&key).map(|found| (key, found.clone())))
            .collect();
        for change in batch
            .fold(found)
            .expect("a view can read its own documents")
        {
            let found = Found {
                position: change.position,
                document: change.document,
            };
            self.documents.insert(change.key.clone(), found);
            self.columns.insert(change.key, change.columns);
        }
        self
    }

    /// The document of a key; none where there is none, or it was removed.
    ///
    /// # Panics
    /// When the document cannot be read.
    pub fn document(&self, key: impl ToString) -> Option<R> {
        let json = self.documents.get(&key.to_string())?.document.as_ref()?;
        Some(serde_json::from_slice(json).expect("a view can read its own documents"))
    }

    /// The value of a declared column in the document of a key.
    pub fn column(&self, key: impl ToString, name: &str) -> Option<ColumnValue> {
        let at = self
            .view
            .columns()
            .iter()
            .position(|(column, _)| *column == name)?;
        self.columns.get(&key.to_string())?.get(at).cloned()
    }
}

fn told<L: EventList>(position: u64, id: &L::Id, event: &L) -> Envelope {
    let kind = event.event_type();
    Envelope {
        position,
        event_id: Uuid::from_u128(u128::from(position)),
        aggregate: L::AGGREGATE.into(),
        id: id.to_string(),
        sequence: position,
        name: kind.name.into(),
        version: kind.version.to_string().into(),
        payload: event.to_payload().expect("an event can be written").into(),
        metadata: b"{}".to_vec().into(),
        command_id: Uuid::nil(),
        command_ordinal: 0,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}
