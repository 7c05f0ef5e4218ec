//! A view: a pure fold from events, in the store's one order, to keyed documents.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use event_schemas::EventList;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Heard;
use crate::column::{Column, IntoColumn};

/// What a view's document must be able to do.
pub trait Document:
    Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
}

impl<T: Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Document
    for T
{
}

/// One document while it is folded.
#[derive(Debug)]
pub struct Row<R> {
    document: R,
    removed: bool,
}

impl<R> Row<R> {
    pub(crate) fn new(document: R) -> Self {
        Self {
            document,
            removed: false,
        }
    }

    /// The document is deleted. A later event for its key starts from an empty one.
    pub fn remove(&mut self) {
        self.removed = true;
    }

    pub(crate) fn into_document(self) -> Option<R> {
        (!self.removed).then_some(self.document)
    }
}

impl<R> Deref for Row<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.document
    }
}

impl<R> DerefMut for Row<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.document
    }
}

/// Events of one list, decoded: the documents they touch, and how.
pub(crate) type Fold<R> = Box<dyn Fn(&mut Row<R>) + Send>;

pub(crate) struct Touch<R> {
    pub(crate) keys: Vec<String>,
    pub(crate) fold: Fold<R>,
}

type Hear<R> = dyn Fn(&event_schemas::Envelope) -> Result<Touch<R>, HearError> + Send + Sync;

pub(crate) struct Hearing<R> {
    pub(crate) aggregate: &'static str,
    pub(crate) hear: Arc<Hear<R>>,
}

/// Why an event could not be handed to a view's fold.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// This binary cannot read the event.
    #[error("event cannot be read")]
    Decode(#[from] event_schemas::DecodeError),
    /// The stream's id is not of the aggregate's kind.
    #[error("aggregate id {id:?} is not one of {aggregate}: {why}")]
    Id {
        /// The aggregate's name.
        aggregate: &'static str,
        /// The id that was read.
        id: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A read model in the making: its name, columns, and what it does on each list of events.
pub struct View<R: Document> {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) columns: Vec<Column<R>>,
    pub(crate) hearings: Vec<Hearing<R>>,
}

/// Starts a view. Another fold, or another shape of its document, is another version.
#[must_use]
pub fn view<R: Document>(name: &'static str, version: u32) -> View<R> {
    View {
        name,
        version,
        columns: Vec::new(),
        hearings: Vec::new(),
    }
}

impl<R: Document> View<R> {
    /// Declares a column that the view can be searched and sorted by.
    #[must_use]
    pub fn column<V: IntoColumn>(
        mut self,
        name: &'static str,
        value: impl Fn(&R) -> V + Send + Sync + 'static,
    ) -> Self {
        self.columns.push(Column::new(name, value));
        self
    }

    /// Listens to the events of a list: `keys` says which documents an event touches (none, one or many), `fold` how.
    #[must_use]
    pub fn on<L: EventList, K: IntoIterator<Item: ToString>>(
        mut self,
        keys: impl Fn(&L, &Heard<L>) -> K + Send + Sync + 'static,
        fold: impl Fn(&mut Row<R>, &L, &Heard<L>) + Send + Sync + 'static,
    ) -> Self {
        let fold = Arc::new(fold);
        let hear = move |told: &event_schemas::Envelope| {
            let event = L::from_payload(&told.name, &told.version, &told.payload)?;
            let heard = Heard::<L>::of(L::AGGREGATE, told)?;
            // One event may name a document twice; it is folded into it once.
            let keys: BTreeSet<String> = keys(&event, &heard)
                .into_iter()
                .map(|key| key.to_string())
                .collect();
            let fold = Arc::clone(&fold);
            Ok(Touch {
                keys: keys.into_iter().collect(),
                fold: Box::new(move |row: &mut Row<R>| fold(row, &event, &heard)),
            })
        };
        self.hearings.push(Hearing {
            aggregate: L::AGGREGATE,
            hear: Arc::new(hear),
        });
        self
    }
}
