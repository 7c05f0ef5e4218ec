//! What an order does by itself.

mod mall;

use event_schemas::stock::{StockHeld, StockShort};
use event_schemas::{OrderId, Quantity};
use kernel::kit::whenever;
use mall::*;
use order::OrderCommand::{RecordStockHeld, RecordStockShort};
use order::policies::{record_stock_held_when_stock_held, record_stock_short_when_stock_short};
use uuid::Uuid;

const ORDER: OrderId = OrderId::new(Uuid::from_u128(1));

#[test]
fn stock_that_is_held_is_recorded_with_its_order() {
    whenever(
        tea(),
        StockHeld {
            order: ORDER,
            quantity: Quantity::ONE,
        },
    )
    .by(record_stock_held_when_stock_held)
    .asks([(ORDER, RecordStockHeld { sku: tea() })]);
}

#[test]
fn stock_that_is_short_is_recorded_with_its_order() {
    whenever(
        tea(),
        StockShort {
            order: ORDER,
            asked: Quantity::ONE,
            available: 0,
        },
    )
    .by(record_stock_short_when_stock_short)
    .asks([(ORDER, RecordStockShort { sku: tea() })]);
}
