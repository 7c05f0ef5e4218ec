//! What the stock of a SKU can be asked.

use event_schemas::{OrderId, Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Orders to the stock of one SKU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StockCommand {
    /// Goods came in.
    Receive {
        /// How many.
        quantity: Quantity,
    },
    /// Set aside for an order, or say that there is not enough.
    Hold {
        /// For which order.
        order: OrderId,
        /// How many.
        quantity: Quantity,
    },
    /// Give up what is set aside for an order.
    Release {
        /// Which order.
        order: OrderId,
    },
    /// What is set aside for an order leaves the shop.
    Dispatch {
        /// Which order.
        order: OrderId,
    },
    /// The goods of a cancelled order came back. Given by policy only.
    TakeBack {
        /// Which order.
        order: OrderId,
        /// How many.
        quantity: Quantity,
    },
}
