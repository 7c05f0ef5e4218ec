//! Inventory: what is on the shelf, and which order holds how much of it.

mod command;
mod stock;
mod rejection;

pub mod policies;

pub use command::StockCommand;
pub use rejection::StockRejection;
pub use stock::Stock;
