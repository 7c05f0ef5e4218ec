//! What inventory does by itself.

use event_schemas::order::{CancellationReason, OrderCancelled, OrderLine, OrderPlaced};
use event_schemas::{Currency, CustomerId, Money, OrderId, Personal, Quantity, Sku};
use inventory::StockCommand::{Hold, Release};
use inventory::policies::{hold_stock_when_order_placed, release_stock_when_order_cancelled};
use kernel::kit::whenever;
use uuid::Uuid;

const ORDER: OrderId = OrderId::new(Uuid::from_u128(1));
const ANNE: CustomerId = CustomerId::new(Uuid::from_u128(2));

fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a test names real goods")
}

fn pieces(pieces: u64) -> Quantity {
    Quantity::new(pieces).expect("a test counts in quantities")
}

fn line(text: &str, quantity: u64) -> OrderLine {
    let unit_price = Money::zero(Currency::KRW);
    OrderLine {
        sku: sku(text),
        quantity: pieces(quantity),
        unit_price,
    }
}

fn cancelled(parcel_out: bool) -> OrderCancelled {
    OrderCancelled {
        customer: ANNE,
        lines: vec![line("tea", 2), line("cup", 1)],
        reason: CancellationReason::Customer,
        note: None,
        was_confirmed: parcel_out,
        parcel_out,
    }
}

#[test]
fn an_order_that_is_placed_holds_stock_for_each_of_its_lines() {
    let placed = OrderPlaced {
        customer: ANNE,
        lines: vec![line("tea", 2), line("cup", 1)],
        total: Money::zero(Currency::KRW),
        ship_to: Personal::Forgotten,
        catalogue_position: None,
    };
    whenever(ORDER, placed)
        .by(hold_stock_when_order_placed)
        .asks([
            (
                sku("tea"),
                Hold {
                    order: ORDER,
                    quantity: pieces(2),
                },
            ),
            (
                sku("cup"),
                Hold {
                    order: ORDER,
                    quantity: pieces(1),
                },
            ),
        ]);
}

#[test]
fn an_order_that_is_cancelled_releases_the_stock_of_each_of_its_lines() {
    whenever(ORDER, cancelled(false))
        .by(release_stock_when_order_cancelled)
        .asks([
            (sku("tea"), Release { order: ORDER }),
            (sku("cup"), Release { order: ORDER }),
        ]);
}

#[test]
fn goods_that_left_the_shop_are_not_released() {
    whenever(ORDER, cancelled(true))
        .by(release_stock_when_order_cancelled)
        .asks_nothing();
}
