//! What inventory does by itself: whenever an order says something, stock is asked.

mod hold_stock_when_order_placed;
mod release_stock_when_order_cancelled;

pub use hold_stock_when_order_placed::hold_stock_when_order_placed;
pub use release_stock_when_order_cancelled::release_stock_when_order_cancelled;
