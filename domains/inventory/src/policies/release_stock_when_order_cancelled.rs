//! Whenever an order is cancelled and its parcel is not out, release the stock of each of its lines.

use event_schemas::order::OrderCancelled;
use kernel::{Asks, Heard, ask};

use crate::{Stock, StockCommand::Release};

/// Lines that were short hold nothing; their stock has nothing to say. Goods that left are taken back, not released.
pub fn release_stock_when_order_cancelled(
    cancelled: &OrderCancelled,
    heard: &Heard<OrderCancelled>,
) -> Asks<Stock> {
    if cancelled.parcel_out {
        return Asks::none();
    }
    let order = heard.id();
    cancelled
        .lines
        .iter()
        .map(|line| ask(&line.sku, Release { order }))
        .collect()
}
