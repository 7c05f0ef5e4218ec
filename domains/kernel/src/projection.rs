//! A view without its type: what whoever carries views needs of one.

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

/// Events on their way into documents: heard first, then folded once the touched documents are at hand.
pub trait Batch: Send {
    /// Takes the next event, in position order; one the view does not listen to is passed over.
    ///
    /// # Errors
    /// [`HearError`]: this binary cannot read the event. Nothing of it was taken.
    fn hear(&mut self, told: &Envelope) -> Result<(), HearError>;
    /// The keys of the documents touched so far.
    fn keys(&self) -> BTreeSet<String>;
    /// Folds all that was heard into the documents that were found.
    ///
    /// # Errors
    /// [`FoldError`]: a stored document is not of this view's shape, or cannot be written.
    fn fold(self: Box<Self>, found: FoundDocuments) -> Result<Vec<Change>, FoldError>;
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
        })
    }
}

struct TypedBatch<'v, R: Document> {
    view: &'v View<R>,
    /// Key → which of `heard` touch it, in order.
    folds: BTreeMap<String, Vec<usize>>,
    heard: Vec<(u64, Fold<R>)>,
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
        self.folds.keys().cloned().collect()
    }

    fn fold(self: Box<Self>, mut found: FoundDocuments) -> Result<Vec<Change>, FoldError> {
        let Self { view, folds, heard } = *self;
        let mut changes = Vec::with_capacity(folds.len());
        for (key, touches) in folds {
            let found = found.remove(&key);
            if let Some(change) = fold_one(view, key, found, touches.iter().map(|at| &heard[*at]))?
            {
                changes.push(change);
            }
        }
        Ok(changes)
    }
}

/// Folds one document. Events that are in it already are passed over; where none is new, nothing changes.
fn fold_one<'h, R: Document>(
    view: &View<R>,
    key: String,
    found: Option<Found>,
    touches: impl Iterator<Item = &'h (u64, Fold<R>)>,
) -> Result<Option<Change>, FoldError> {
    let broken = |key: &str, source| FoldError {
        view: view.name,
        key: key.to_owned(),
        source,
    };
    let known = found.as_ref().map_or(0, |found| found.position);
    let mut position = known;
    let mut document: Option<R> = match found.and_then(|found| found.document) {
        Some(bytes) => Some(serde_json::from_slice(&bytes).map_err(|source| broken(&key, source))?),
        None => None,
    };
    for (at, fold) in touches.filter(|(at, _)| *at > known) {
        let mut row = Row::new(document.take().unwrap_or_default());
        fold(&mut row);
        document = row.into_document();
        position = *at;
    }
    if position == known {
        return Ok(None);
    }
    let columns = document.as_ref().map_or_else(Vec::new, |row| {
        view.columns.iter().map(|c| (c.value)(row)).collect()
    });
    let document = match &document {
        Some(row) => Some(serde_json::to_vec(row).map_err(|source| broken(&key, source))?),
        None => None,
    };
    Ok(Some(Change {
        key,
        position,
        document,
        columns,
    }))
}

#[cfg(test)]
mod tests;
