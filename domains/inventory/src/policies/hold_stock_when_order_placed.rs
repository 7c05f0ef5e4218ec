//! Whenever an order is placed, hold stock for each of its lines.

use event_schemas::order::OrderPlaced;
use kernel::{Asks, Heard, ask};

use crate::{Stock, StockCommand::Hold};

/// Each line is held under the order's id.
pub fn hold_stock_when_order_placed(
    placed: &OrderPlaced,
    heard: &Heard<OrderPlaced>,
) -> Asks<Stock> {
    let order = heard.id();
    placed
        .lines
        .iter()
        .map(|line| {
            let quantity = line.quantity;
            ask(&line.sku, Hold { order, quantity })
        })
        .collect()
}
