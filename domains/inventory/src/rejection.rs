//! Why stock says no.

use event_schemas::{INTEGER_LIMIT, Quantity};
use schemars::JsonSchema;
use serde::Serialize;

/// Why stock says no to a person; its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StockRejection {
    /// There would be more on hand than a number on the wire can say.
    #[error(
        "{on_hand} are on hand, so at most {} more fit: receive fewer than {quantity}",
        INTEGER_LIMIT - 1 - on_hand
    )]
    StockOverflow {
        /// How many there are.
        on_hand: u64,
        /// How many were to be added.
        quantity: Quantity,
    },
}
