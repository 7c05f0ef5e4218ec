//! What an order does by itself: whenever stock says something, the order is told.

mod record_stock_held_when_stock_held;
mod record_stock_short_when_stock_short;

pub use record_stock_held_when_stock_held::record_stock_held_when_stock_held;
pub use record_stock_short_when_stock_short::record_stock_short_when_stock_short;
