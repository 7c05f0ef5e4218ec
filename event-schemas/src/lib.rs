//! What we say: one struct per event, one list per aggregate, and the words they are made of.
//!
//! This crate is the only thing two contexts share. It stands at the bottom: it knows nobody.

pub mod command;
pub mod order;
pub mod stock;

mod address;
mod id;
mod money;
mod quantity;
mod text;

pub mod given;
pub mod personal;

pub mod cloud_event;
mod envelope;
pub mod event;
mod source;

pub use address::{Address, AddressLine, Country, CountryError};
pub use command::CommandEvent;
pub use envelope::{Envelope, Metadata};
pub use event::{AggregateId, DecodeError, Event, EventList, EventType, Spoken};
pub use id::{CommandId, CustomerId, OrderId, Sku, SkuError, UuidError};
pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use order::OrderEvent;
pub use personal::Personal;
pub use quantity::{INTEGER_LIMIT, Quantity, QuantityError};
pub use source::{NotASource, Source};
pub use stock::StockEvent;
pub use text::{Note, Text, TextError};
