//! A view without its type: what whoever carries views needs of one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use event_schemas::Envelope;
use schemars::{Schema, SchemaGenerator};

use crate::column::{ColumnKind, ColumnValue};
use crate::view::{Document, Fold, HearError, Row, View};

/// A view, its document's type forgotten.
pub trait Projection: Send + Sync {
    /// The view's name, as in the URL.
    fn name(&self) -> &'static str;
    /// The version of fold and document.
    fn version(&self) -> u32;
    /// Its declared columns, in order.
    fn columns(&self) -> Vec<(&'static str, ColumnKind)>;
    /// The schema of its document.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Whether it listens to an aggregate.
    fn hears(&self, aggregate: &str) -> bool;
    /// Starts a batch of events.
    fn batch(&self) -> Box<dyn Batch + '_>;
}

/// Events on their way into documents: heard first, then folded once the touched documents are at hand. It may go on
/// hearing after that: documents stay at hand, and what becomes of them is told at the end.
pub trait Batch: Send {
    /// Takes the next event, in position order; one the view does not listen to is passed over.
    ///
    /// # Errors
    /// [`HearError`]: this binary cannot read the event. Nothing of it was taken.
    fn hear(&mut self, told: &Envelope) -> Result<(), HearError>;
    /// The keys of the documents that what was heard touches and that are not at hand.
    fn keys(&self) -> BTreeSet<String>;
    /// Folds what was heard into the documents at hand and those that were found: of [`Self::keys`] all there are.
    ///
    /// # Errors
    /// [`FoldError`]: a stored document is not of this view's shape. The batch is of no use any more.
    fn take_in(&mut self, found: FoundDocuments) -> Result<(), FoldError>;
    /// How many documents are at hand.
    fn at_hand(&self) -> usize;
    /// What became of the documents, by key.
    ///
    /// # Errors
    /// [`FoldError`]: a document cannot be written as JSON.
    fn changes(self: Box<Self>) -> Result<Vec<Change>, FoldError>;
    /// Folds all that was heard into the documents that were found, and is done.
    ///
    /// # Errors
    /// [`FoldError`]: as above.
    fn fold(mut self: Box<Self>, found: FoundDocuments) -> Result<Vec<Change>, FoldError> {
        self.take_in(found)?;
        self.changes()
    }
}

/// The documents that were found, by key.
#[expect(
    clippy::disallowed_types,
    reason = "looked up by key, never walked, so its order does not matter"
)]
pub type FoundDocuments = std::collections::HashMap<String, Found>;

/// A document as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The position it was last changed at: events up to here are in it.
    pub position: u64,
    /// The document as JSON; none where it was deleted (a tombstone kept while a view is rebuilt).
    pub document: Option<Vec<u8>>,
}

/// A document as it is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The document's key.
    pub key: String,
    /// The last event in it.
    pub position: u64,
    /// As JSON; none: deleted.
    pub document: Option<Vec<u8>>,
    /// The values of the declared columns, in their order; empty where it is deleted.
    pub columns: Vec<ColumnValue>,
}

/// A document cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("document {key:?} of view {view} cannot be read or written")]
pub struct FoldError {
    /// The view's name.
    pub view: &'static str,
    /// The document's key.
    pub key: String,
    /// What the parser says.
    #[source]
    pub source: serde_json::Error,
}

impl<R: Document> Projection for View<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn columns(&self) -> Vec<(&'static str, ColumnKind)> {
        self.columns
            .iter()
            .map(|column| (column.name, column.kind))
            .collect()
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<R>()
    }

    fn hears(&self, aggregate: &str) -> bool {
        self.hearings
            .iter()
            .any(|hearing| hearing.aggregate == aggregate)
    }

    fn batch(&self) -> Box<dyn Batch + '_> {
        Box::new(TypedBatch {
            view: self,
            folds: BTreeMap::new(),
            heard: Vec::new(),
            rows: Rows::new(),
        })
    }
}

struct TypedBatch<'v, R: Document> {
    view: &'v View<R>,
    /// Key → which of `heard` touch it, in order.
    folds: BTreeMap<String, Vec<usize>>,
    heard: Vec<(u64, Fold<R>)>,
    rows: Rows<R>,
}

#[expect(
    clippy::disallowed_types,
    reason = "looked up by key; what comes of it is sorted"
)]
type Rows<R> = std::collections::HashMap<String, AtHand<R>>;

/// A document at hand.
struct AtHand<R> {
    /// The position it was found at; 0: it was not there.
    found_at: u64,
    /// The last event in it.
    position: u64,
    document: Option<R>,
}

impl<R: Document> Batch for TypedBatch<'_, R> {
    fn hear(&mut self, told: &Envelope) -> Result<(), HearError> {
        for hearing in self
            .view
            .hearings
            .iter()
            .filter(|hearing| *hearing.aggregate == *told.aggregate)
        {
            let touch = (hearing.hear)(told)?;
            if touch.keys.is_empty() {
                continue;
            }
            for key in touch.keys {
                self.folds.entry(key).or_default().push(self.heard.len());
            }
            self.heard.push((told.position, touch.fold));
        }
        Ok(())
    }

    fn keys(&self) -> BTreeSet<String> {
        let missing = self
            .folds
            .keys()
            .filter(|key| !self.rows.contains_key(*key));
        missing.cloned().collect()
    }

    fn take_in(&mut self, mut found: FoundDocuments) -> Result<(), FoldError> {
        let heard = std::mem::take(&mut self.heard);
        for (key, touches) in std::mem::take(&mut self.folds) {
            let row = match self.rows.entry(key) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(place) => {
                    let found = found.remove(place.key());
                    let row = AtHand::read(found).map_err(|source| FoldError {
                        view: self.view.name,
                        key: place.key().clone(),
                        source,
                    })?;
                    place.insert(row)
                }
            };
            row.take(touches.iter().map(|at| &heard[*at]));
        }
        Ok(())
    }

    fn at_hand(&self) -> usize {
        self.rows.len()
    }

    fn changes(self: Box<Self>) -> Result<Vec<Change>, FoldError> {
        let view = self.view;
        let changed = self.rows.into_iter().filter(|(_, row)| row.is_changed());
        let mut changes = changed
            .map(|(key, row)| row.into_change(view, key))
            .collect::<Result<Vec<_>, _>>()?;
        changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(changes)
    }
}

impl<R: Document> AtHand<R> {
    fn read(found: Option<Found>) -> Result<Self, serde_json::Error> {
        let position = found.as_ref().map_or(0, |found| found.position);
        let document = match found.and_then(|found| found.document) {
            Some(bytes) => Some(serde_json::from_slice(&bytes)?),
            None => None,
        };
        Ok(Self {
            found_at: position,
            position,
            document,
        })
    }

    /// Folds what is not in it already.
    fn take<'h>(&mut self, touches: impl Iterator<Item = &'h (u64, Fold<R>)>) {
        let known = self.position;
        for (at, fold) in touches.filter(|(at, _)| *at > known) {
            let mut row = Row::new(self.document.take().unwrap_or_default());
            fold(&mut row);
            self.document = row.into_document();
            self.position = *at;
        }
    }

    fn is_changed(&self) -> bool {
        self.position > self.found_at
    }

    fn into_change(self, view: &View<R>, key: String) -> Result<Change, FoldError> {
        let columns = self.document.as_ref().map_or_else(Vec::new, |row| {
            view.columns.iter().map(|c| (c.value)(row)).collect()
        });
        let document = match &self.document {
            Some(row) => Some(serde_json::to_vec(row).map_err(|source| FoldError {
                view: view.name,
                key: key.clone(),
                source,
            })?),
            None => None,
        };
        Ok(Change {
            key,
            position: self.position,
            document,
            columns,
        })
    }
}

#[cfg(test)]
mod tests;
