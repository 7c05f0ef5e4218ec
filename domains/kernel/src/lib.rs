//! The grammar of what we decide: aggregates, policies, views, and the kit that tests them.
//!
//! Nothing here knows a clock, a store or a network. A domain that speaks this grammar runs on any of them.

mod aggregate;
mod context;
mod decision;
mod policy;

mod column;
mod projection;
mod view;

pub mod kit;

pub use aggregate::{Aggregate, Command};
pub use column::{ColumnKind, ColumnValue, IntoColumn};
pub use context::{Actor, Context};
pub use decision::{Decision, Outcome, nothing, refuse, says};
pub use policy::{Ask, Asks, Heard, ask};
pub use projection::{Batch, Change, FoldError, Found, FoundDocuments, Projection};
pub use view::{Document, HearError, Row, View, view};
