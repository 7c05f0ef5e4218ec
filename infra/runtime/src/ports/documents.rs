//! The documents of views: written under a lease with their checkpoint, read with their position.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Change, ColumnKind, ColumnValue, Found};

use super::StoreError;

/// What the store of documents must know of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDefinition {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// Its declared columns, in order.
    pub columns: Vec<(&'static str, ColumnKind)>,
    /// True for the shadow: a second room of the same version, in which it is built anew while the first one serves.
    /// When it takes over, its documents, position and state become those of the first, and the shadow is gone. So
    /// whoever holds the lease of the first finds its checkpoint moved (Lost, or nothing to notice if it stood equal).
    pub shadow: bool,
}

/// Why a lease could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else moved the checkpoint, or the session is gone: the batch was rolled back.
    #[error("the lease of the view was lost")]
    Lost,
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to write one `(view, version)`, bound to one session.
#[async_trait]
pub trait Lease: Send {
    /// The view's checkpoint: every event up to it is in the documents.
    async fn position(&mut self) -> Result<u64, LeaseError>;
    /// Documents by key; keys without one are missing from the answer.
    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError>;
    /// Writes changes and moves the checkpoint from `from` to `to`, in one transaction.
    async fn commit(&mut self, from: u64, to: u64, changes: &[Change]) -> Result<(), LeaseError>;
    /// Notes that the fold stopped at a position, and why; none: it goes on.
    async fn note_stopped(&mut self, stopped: Option<(u64, &str)>) -> Result<(), LeaseError>;
    /// Further pens to write documents with side by side, ahead of the checkpoint; only while nobody reads the view.
    /// An adapter may give fewer than asked for, or none: then this lease writes alone. Taking the lease anew, by
    /// whomever, outdates them.
    async fn pens(&mut self, _count: usize) -> Result<Vec<Box<dyn Pen>>, LeaseError> {
        Ok(Vec::new())
    }
    /// Gives the lease back.
    async fn end(self: Box<Self>);
}

/// Writes some of the documents of a view that is being built, in transactions of its own.
///
/// The checkpoint follows once all pens are done; dying in between is harmless, because each document bears the
/// position of the last event in it and takes only events above that.
#[async_trait]
pub trait Pen: Send {
    /// Documents by key, tombstones among them; keys without one are missing from the answer.
    async fn documents(
        &mut self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, LeaseError>;
    /// Writes those changes that lie above what stands. A deletion leaves a tombstone, so that its position is known;
    /// readers never see one, and [`Documents::take_over`] clears them away.
    async fn write(&mut self, changes: &[Change]) -> Result<(), LeaseError>;
}

/// A bound on a column. Documents without a value are found by `Equal` to none, and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Equal.
    Equal(ColumnValue),
    /// At least.
    AtLeast(ColumnValue),
    /// Less than.
    LessThan(ColumnValue),
}

/// Which way a page runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// What a page is sorted by; the key breaks ties, in the same direction. Text and keys compare byte by byte.
/// Documents without a value come last, and in descending order first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sort {
    /// A declared column; none: by key.
    pub column: Option<&'static str>,
    /// Which way.
    pub order: Order,
}

/// A page of a view.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Query {
    /// Bounds, all of which must hold.
    pub bounds: Vec<(&'static str, Bound)>,
    /// The order.
    pub sort: Sort,
    /// Begin after this row: the sort column's value (if sorted by one) and the key.
    pub after: Option<(Option<ColumnValue>, String)>,
    /// At most so many rows.
    pub limit: usize,
}

/// One row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// The document's key.
    pub key: String,
    /// The document as JSON.
    pub document: Vec<u8>,
    /// The value of the column sorted by.
    pub sorted_by: Option<ColumnValue>,
}

/// An answer together with the state it is of, read in one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What was asked for.
    pub value: T,
    /// The view is exactly the fold of the events up to here.
    pub position: u64,
    /// The view stopped here, and why.
    pub stopped: Option<(u64, String)>,
}

/// Rows, at most as many as were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<PageRow>,
    /// True if there are more after them.
    pub more: bool,
}

/// How a view stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ViewStatus {
    /// Its checkpoint.
    pub position: u64,
    /// Where its fold stopped, and why.
    pub stopped: Option<(u64, String)>,
}

/// Where documents live.
#[async_trait]
pub trait Documents: Send + Sync + 'static {
    /// Makes room for a view; does nothing where there is room already.
    async fn prepare(&self, view: &ViewDefinition) -> Result<(), StoreError>;
    /// Takes the lease of a `(view, version)`; none while somebody else holds it.
    async fn lease(&self, view: &ViewDefinition) -> Result<Option<Box<dyn Lease>>, StoreError>;
    /// One document.
    async fn get(
        &self,
        view: &ViewDefinition,
        key: &str,
    ) -> Result<Read<Option<Vec<u8>>>, StoreError>;
    /// A page of documents.
    async fn page(&self, view: &ViewDefinition, query: &Query) -> Result<Read<Page>, StoreError>;
    /// The checkpoint.
    async fn position(&self, view: &ViewDefinition) -> Result<u64, StoreError>;
    /// Waits until the checkpoint reaches a position, at most `wait`; answers where it stands.
    async fn reach(
        &self,
        view: &ViewDefinition,
        position: u64,
        wait: Duration,
    ) -> Result<u64, StoreError>;
    /// The checkpoint, and whether the fold stopped.
    async fn status(&self, view: &ViewDefinition) -> Result<ViewStatus, StoreError>;
    /// The version of a view that readers see; none before one took over.
    async fn current(&self, name: &str) -> Result<Option<u32>, StoreError>;
    /// Empties a `(view, version)` or a shadow that nobody reads yet, to build it from zero. Called under its lease,
    /// which stays good.
    async fn clear(&self, view: &ViewDefinition) -> Result<(), StoreError>;
    /// Makes `version` the one that readers see, in one transaction that finds it at or beyond the one they see now.
    /// False if it is behind. A shadow takes the place of the version it shadows, if it is at or beyond that; which
    /// version readers see stays as it is. Tombstones go. Called under its lease.
    async fn take_over(&self, view: &ViewDefinition) -> Result<bool, StoreError>;
}
