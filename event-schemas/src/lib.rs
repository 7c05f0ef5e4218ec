//! What we say: one struct per event, one list per aggregate, and the words they are made of.
//!
//! This crate is the only thing two contexts share. It stands at the bottom: it knows nobody.

pub mod event;

mod envelope;

pub use envelope::{Envelope, Metadata};
pub use event::{AggregateId, DecodeError, Event, EventList, EventType, Spoken};
