//! Order: from placing to arriving, or to coming to nothing.

mod command;
mod order;
mod rejection;

pub mod policies;

pub use command::{Line, OrderCommand};
pub use order::{MAX_LINES, MAX_QUANTITY, Order, State};
pub use rejection::OrderRejection;
