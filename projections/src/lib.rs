//! What we show: one file per view, each a pure fold of events in the store's one order.

mod order_status;
mod stock_levels;

pub use order_status::{LineStatus, LineStock, OrderState, OrderStatus, order_status};
pub use stock_levels::{StockLevel, stock_levels};
