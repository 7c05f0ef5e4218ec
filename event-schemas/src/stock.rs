//! What the stock of one SKU says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OrderId, Quantity, Sku, events};

events! {
    /// Everything the stock of a SKU says.
    StockEvent of "stock" by Sku:
    StockReceived v1,
    StockHeld v1,
    StockShort v1,
    StockReleased v1,
    StockDispatched v1,
    StockReturned v1,
}

/// Goods came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockReceived {
    /// How many.
    pub quantity: Quantity,
}

/// Stock was set aside for an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockHeld {
    /// For which order.
    pub order: OrderId,
    /// How many.
    pub quantity: Quantity,
}

/// An order wanted more than is available; nothing was set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockShort {
    /// Which order.
    pub order: OrderId,
    /// How many it wanted.
    pub asked: Quantity,
    /// How many could be had.
    pub available: u64,
}

/// What was set aside for an order is available again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockReleased {
    /// Which order.
    pub order: OrderId,
    /// How many.
    pub quantity: Quantity,
}

/// What was set aside for an order left the shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockDispatched {
    /// Which order.
    pub order: OrderId,
    /// How many.
    pub quantity: Quantity,
}

/// The goods of a cancelled order came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockReturned {
    /// Which order.
    pub order: OrderId,
    /// How many.
    pub quantity: Quantity,
}
