//! What is asked of the store and the ledger while the lanes go on, and what comes back.

use event_schemas::Envelope;
use futures::future::BoxFuture;

use super::assign::Prepared;
use super::looking::Looked;
use super::track::Reached;
use crate::ports::{Parked, StoreError, TopicPartition};

/// Something under way; it ends in one of [`Done`].
pub(super) type Job = BoxFuture<'static, Done>;

/// A partition in one of its assignments: an answer for an earlier one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) at: TopicPartition,
    pub(super) term: u64,
}

/// What came back.
pub(super) enum Done {
    /// What must be known of partitions before they are read.
    Prepared(Vec<Place>, Box<Prepared>),
    /// Where the store ends.
    Head(Place, u64),
    /// Whether the record at the front of the inbox is a stored event.
    Record(Place, bool),
    /// Events of the topic's aggregate that the log lost, and how far the store was looked through.
    Lost(Place, Vec<Envelope>, u64),
    /// A record stands among the dead letters.
    DeadLetter(Place, u64),
    /// The front of a lane was parked, or not.
    Parked(u64, Result<Box<Parked>, StoreError>),
    /// The front of a lane went behind what is parked; false: nothing is any more.
    WentBehind(u64, Result<bool, StoreError>),
    /// Whether the store answers, asked for a lane that loses patience.
    Answers(u64, bool),
    /// Progress up to here was saved, or not.
    Saved(Vec<(Place, Reached)>, Result<(), StoreError>),
    /// How far the relay came, and whether the context reacts.
    Looked(Box<Result<Looked, StoreError>>),
    /// It stands in the ledger that the context stopped.
    StopNoted,
    /// Parked events that this binary has come to know were redriven: so many were served.
    Redriven(usize),
}
