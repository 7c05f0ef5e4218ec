//! Whenever stock is set aside for an order, record that with the order.

use event_schemas::stock::StockHeld;
use kernel::{Asks, Heard, ask};

use crate::{Order, OrderCommand::RecordStockHeld};

/// The SKU that spoke is the line.
pub fn record_stock_held_when_stock_held(
    held: &StockHeld,
    heard: &Heard<StockHeld>,
) -> Asks<Order> {
    ask(&held.order, RecordStockHeld { sku: heard.id() }).into()
}
