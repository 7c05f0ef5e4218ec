//! What is said about a command that left no other fact, so that an id is carried out once whatever its outcome.
//!
//! The aggregate of these events is the command itself: id = command id, sequence 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CommandId, events};

events! {
    /// Everything that is said about a command.
    CommandEvent of "command" by CommandId:
    CommandChangedNothing v1,
    CommandRefused v1,
}

/// Everything that was asked for was so already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandChangedNothing {
    /// The aggregate that was asked: `stock`.
    pub aggregate: String,
    /// Its id as text.
    pub id: String,
    /// Its version when it was asked: the number of its last event, 0 where it has none.
    pub version: u64,
    /// The command's name: `hold`.
    pub command: String,
}

/// A person was told no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandRefused {
    /// The aggregate that was asked: `order`.
    pub aggregate: String,
    /// Its id as text.
    pub id: String,
    /// Its version when it was asked: the number of its last event, 0 where it has none.
    pub version: u64,
    /// The command's name: `cancel`.
    pub command: String,
    /// The rejection, as `{"type": …, "detail": …, …fields}`. Nothing personal stands in it.
    pub problem: serde_json::Value,
}
