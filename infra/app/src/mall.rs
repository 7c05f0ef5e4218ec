//! The whole system on one page, in the order a shopkeeper would tell it.

use inventory::Stock;
use inventory::policies::{hold_stock_when_order_placed, release_stock_when_order_cancelled};
use jangbu_runtime::system::{System, context, system};
use order::Order;
use order::policies::{record_stock_held_when_stock_held, record_stock_short_when_stock_short};
use projections::{order_status, stock_levels};

/// The mall: an order holds stock for each line; when all lines are held it is secured; when one is short the order
/// cancels itself, and what it holds is released.
#[must_use]
pub fn mall() -> System {
    system("mall")
        .context(
            context("order")
                .core()
                .aggregate::<Order>()
                .whenever(
                    "record_stock_held_when_stock_held",
                    record_stock_held_when_stock_held,
                )
                .whenever(
                    "record_stock_short_when_stock_short",
                    record_stock_short_when_stock_short,
                ),
        )
        .context(
            context("inventory")
                .core()
                .aggregate::<Stock>()
                .whenever("hold_stock_when_order_placed", hold_stock_when_order_placed)
                .whenever(
                    "release_stock_when_order_cancelled",
                    release_stock_when_order_cancelled,
                ),
        )
        .view(order_status())
        .view(stock_levels())
}
