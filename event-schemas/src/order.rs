//! What an order says, from its placing to its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Address, CustomerId, Money, Note, OrderId, Personal, Quantity, Sku, events};

events! {
    /// Everything an order says.
    OrderEvent of "order" by OrderId:
    OrderPlaced v1,
    OrderLineSecured v1,
    OrderStockSecured v1,
    OrderConfirmed v1,
    OrderAddressChanged v1,
    OrderCancellationRequested v1,
    OrderCancellationRefused v1,
    OrderShipped v1,
    OrderDeliveryFailed v1,
    OrderDeliveryRetried v1,
    OrderCancelled v1,
    OrderCompleted v1,
}

/// So many pieces of one kind of goods, each at a price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// Price of one piece.
    pub unit_price: Money,
}

/// A customer placed an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    /// Who.
    pub customer: CustomerId,
    /// What, how many, at which price.
    pub lines: Vec<OrderLine>,
    /// What it costs in all.
    pub total: Money,
    /// Where it goes.
    pub ship_to: Personal<Address>,
    /// The position of the catalogue whose prices these are, where the server looked them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_position: Option<u64>,
}

/// The goods of one line are set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLineSecured {
    /// Which line.
    pub sku: Sku,
}

/// The goods of every line are set aside; now it can be paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderStockSecured {
    /// Who pays.
    pub customer: CustomerId,
    /// How much.
    pub total: Money,
}

/// The order is paid, or free: it will be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    /// Who.
    pub customer: CustomerId,
    /// What.
    pub lines: Vec<OrderLine>,
    /// Where it goes.
    pub ship_to: Personal<Address>,
    /// What was paid.
    pub total: Money,
}

/// The order goes somewhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderAddressChanged {
    /// Where it goes now.
    pub ship_to: Personal<Address>,
}

/// A confirmed order is to be cancelled; whether that is still possible, delivery says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancellationRequested {
    /// The customer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// It was too late to cancel: the parcel is on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancellationRefused {}

/// The parcel left the shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderShipped {
    /// To whom.
    pub customer: CustomerId,
    /// What is in it.
    pub lines: Vec<OrderLine>,
}

/// The parcel did not arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDeliveryFailed {
    /// What the carrier says.
    pub reason: Note,
}

/// The parcel is to be sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDeliveryRetried {
    /// To whom.
    pub customer: CustomerId,
    /// What is in it.
    pub lines: Vec<OrderLine>,
    /// Where it goes this time.
    pub ship_to: Personal<Address>,
}

/// The order came to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    /// Whose.
    pub customer: CustomerId,
    /// What is not wanted any more.
    pub lines: Vec<OrderLine>,
    /// Why.
    pub reason: CancellationReason,
    /// More about it, in somebody's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// It had been paid.
    pub was_confirmed: bool,
    /// The goods had left the shop and come back as a parcel.
    pub parcel_out: bool,
}

/// Why an order was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancellationReason {
    /// The customer wished it.
    Customer,
    /// One of the lines could not be had.
    StockShort,
    /// It was not paid.
    PaymentDeclined,
    /// Nobody confirmed it in time.
    Expired,
    /// Delivery gave it up.
    DeliveryCancelled,
}

/// The parcel arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCompleted {
    /// Whose.
    pub customer: CustomerId,
    /// What was paid.
    pub total: Money,
}
