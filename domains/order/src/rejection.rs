//! Why an order says no.

use event_schemas::{Currency, Money, Quantity, Sku};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{MAX_LINES, MAX_QUANTITY, State};

/// Why an order says no to a person; its text says what to do. Nothing personal stands in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderRejection {
    /// Nobody placed it.
    #[error("no order was placed under this id: place it first, or check the id")]
    OrderUnknown {},
    /// Somebody placed something else under its id.
    #[error("another order was placed under this id: choose a new id for this one")]
    OrderAlreadyPlaced {},
    /// There is nothing in it.
    #[error("the order has no lines: give at least one")]
    NoLines {},
    /// There is too much in it.
    #[error("the order has {lines} lines: split it into orders of at most {MAX_LINES}")]
    TooManyLines {
        /// How many it has.
        lines: usize,
    },
    /// Two lines are for the same goods.
    #[error("{sku} stands in two lines: add their quantities up in one")]
    SkuTwice {
        /// The goods.
        sku: Sku,
    },
    /// More of something than anybody orders.
    #[error("{quantity} of {sku} are too many for one order: ask for 1 to {MAX_QUANTITY}")]
    QuantityTooLarge {
        /// The goods.
        sku: Sku,
        /// How many.
        quantity: Quantity,
    },
    /// The shop would pay the customer.
    #[error("{sku} has the price {unit_price}: give a price of zero or more")]
    PriceNegative {
        /// The goods.
        sku: Sku,
        /// The price.
        unit_price: Money,
    },
    /// What has two currencies has no total.
    #[error("prices are in {first} and {other}: give all of them in one currency")]
    CurrenciesDiffer {
        /// Of the first line.
        first: Currency,
        /// Of another.
        other: Currency,
    },
    /// The total cannot be written exactly.
    #[error("the order's total is 2^53 minor units or more: order less, or in several orders")]
    TotalTooLarge {},
    /// It left, or arrived.
    #[error(
        "the order has left the shop: send it back when it has arrived, it cannot be cancelled"
    )]
    AlreadyShipped {},
    /// It is past the point where an address can be changed.
    #[error("the order is {state}: its address could be changed until it was confirmed")]
    AddressFixed {
        /// Where it stands.
        state: State,
    },
    /// No delivery failed.
    #[error("the order is {state}: a delivery can be tried again only after it failed")]
    DeliveryNotFailed {
        /// Where it stands.
        state: State,
    },
}
