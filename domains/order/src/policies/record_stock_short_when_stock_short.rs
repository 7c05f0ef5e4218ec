//! Whenever stock is short for an order, record that with the order (it cancels itself).

use event_schemas::stock::StockShort;
use kernel::{Asks, Heard, ask};

use crate::{Order, OrderCommand::RecordStockShort};

/// The SKU that spoke is the line.
pub fn record_stock_short_when_stock_short(
    short: &StockShort,
    heard: &Heard<StockShort>,
) -> Asks<Order> {
    ask(&short.order, RecordStockShort { sku: heard.id() }).into()
}
