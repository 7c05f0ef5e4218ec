//! The ports: what the chassis needs of a store, a log and a clock. Adapters stand in `memory`, infra/postgres and
//! infra/kafka, and one conformance suite runs against all of them.

mod append;
mod clock;
mod documents;
mod leadership;
pub mod limits;
mod log;
mod progress;
mod store;

pub use append::{
    AppendError, Appended, Appender, Entry, FastOutcome, Judged, NewEvent, Stream, Verdict,
};
pub use clock::{Clock, SystemClock};
pub use documents::{
    Bound, Documents, Lease, LeaseError, Order, Page, PageRow, Pen, Query, Read, Sort,
    ViewDefinition, ViewStatus,
};
pub use leadership::{Leadership, PartitionMark, RelayCheckpoint, RelayLedger};
pub use log::{
    Delivery, Edges, Log, LogError, LogReader, LogRecord, OutRecord, PublishError, Publisher,
    Subscriber, SubscriberEvent, TopicPartition, TopicSpec,
};
pub use progress::{ContextState, Mark, Parked, Progress};
pub use store::{
    Arrivals, EventFilter, EventStore, Head, Load, LoadFrom, Loaded, NewSnapshot, Snapshot,
    StoreError, Turn,
};
