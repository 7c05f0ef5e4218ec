//! One order: what is in it, what stock answered to each line, and how far it came.
//!
//! Both the order and the stock are heard: an order cancelled for want of stock does not say which line was short, the
//! stock does.

use std::fmt;

use event_schemas::order::{CancellationReason, OrderLine, OrderPlaced};
use event_schemas::{Currency, CustomerId, Money, OrderEvent, OrderId, Quantity, Sku, StockEvent};
use kernel::{Row, View, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderStatus {
    /// Whose.
    pub customer: CustomerId,
    /// What is in it.
    pub lines: Vec<LineStatus>,
    /// What it costs in all.
    pub total: Money,
    /// How far it came.
    pub state: OrderState,
    /// Wishes to cancel it that delivery has not answered yet; an old answer may meet a new wish.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered_cancellations: u32,
    /// Why it came to nothing, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation_reason: Option<CancellationReason>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineStatus {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// Price of one piece.
    pub unit_price: Money,
    /// What stock answered.
    pub stock: LineStock,
}

/// What stock answered when it was asked to hold a line; what became of the hold, the order's state tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineStock {
    /// Nothing yet.
    Waiting,
    /// It was set aside.
    Held,
    /// There was not enough.
    Short,
}

/// How far an order came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// It waits for its stock.
    #[default]
    Placed,
    /// All of its stock is held; it waits for its payment.
    StockSecured,
    /// It is paid; it waits for its parcel.
    Confirmed,
    /// It is paid and not wanted; delivery says whether that is still possible.
    Cancelling,
    /// The parcel is on its way.
    Shipped,
    /// The parcel did not arrive.
    DeliveryFailed,
    /// The parcel arrived.
    Completed,
    /// It came to nothing.
    Cancelled,
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Placed => "placed",
            Self::StockSecured => "stock_secured",
            Self::Confirmed => "confirmed",
            Self::Cancelling => "cancelling",
            Self::Shipped => "shipped",
            Self::DeliveryFailed => "delivery_failed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// The view, by order.
#[must_use]
pub fn order_status() -> View<OrderStatus> {
    view("order_status", 1)
        .column("customer", |row: &OrderStatus| row.customer.to_string())
        .column("state", |row| row.state.to_string())
        .on::<OrderEvent, _>(
            |_, heard| [heard.id()],
            |row, event, _| row.hear_order(event),
        )
        .on::<StockEvent, _>(
            |event, _| answered(event).map(|(order, _)| order),
            |row, event, heard| hear_stock(row, event, &heard.id()),
        )
}

/// For which order stock answered, and what.
fn answered(event: &StockEvent) -> Option<(OrderId, LineStock)> {
    match event {
        StockEvent::StockHeld(e) => Some((e.order, LineStock::Held)),
        StockEvent::StockShort(e) => Some((e.order, LineStock::Short)),
        StockEvent::StockReceived(_)
        | StockEvent::StockReleased(_)
        | StockEvent::StockDispatched(_)
        | StockEvent::StockReturned(_) => None,
    }
}

/// Stock can be held by hand for an order that nobody placed: that is no order to show.
fn hear_stock(row: &mut Row<OrderStatus>, event: &StockEvent, sku: &Sku) {
    if row.is_nobodys() {
        row.remove();
    } else if let Some((_, stock)) = answered(event) {
        row.set(sku, stock);
    }
}

impl OrderStatus {
    fn hear_order(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced(e) => *self = Self::of(e),
            OrderEvent::OrderLineSecured(e) => self.set(&e.sku, LineStock::Held),
            OrderEvent::OrderStockSecured(_) => self.state = OrderState::StockSecured,
            OrderEvent::OrderConfirmed(_) | OrderEvent::OrderDeliveryRetried(_) => {
                self.state = OrderState::Confirmed;
            }
            OrderEvent::OrderAddressChanged(_) => {}
            OrderEvent::OrderCancellationRequested(_) => {
                self.state = OrderState::Cancelling;
                self.unanswered_cancellations += 1;
            }
            OrderEvent::OrderCancellationRefused(_) => self.refuse_cancellation(),
            OrderEvent::OrderShipped(_) => self.state = OrderState::Shipped,
            OrderEvent::OrderDeliveryFailed(_) => self.state = OrderState::DeliveryFailed,
            OrderEvent::OrderCancelled(e) => {
                self.state = OrderState::Cancelled;
                self.cancellation_reason = Some(e.reason);
            }
            OrderEvent::OrderCompleted(_) => self.state = OrderState::Completed,
        }
    }

    fn of(placed: &OrderPlaced) -> Self {
        Self {
            customer: placed.customer,
            lines: placed.lines.iter().map(LineStatus::of).collect(),
            total: placed.total,
            state: OrderState::Placed,
            unanswered_cancellations: 0,
            cancellation_reason: None,
        }
    }

    /// Delivery answered one wish; with the last answer the order goes on.
    fn refuse_cancellation(&mut self) {
        self.unanswered_cancellations = self.unanswered_cancellations.saturating_sub(1);
        if self.state == OrderState::Cancelling && self.unanswered_cancellations == 0 {
            self.state = OrderState::Confirmed;
        }
    }

    /// No order is without lines.
    fn is_nobodys(&self) -> bool {
        self.lines.is_empty()
    }

    fn set(&mut self, sku: &Sku, stock: LineStock) {
        for line in self.lines.iter_mut().filter(|line| line.sku == *sku) {
            line.stock = stock;
        }
    }
}

impl LineStatus {
    fn of(line: &OrderLine) -> Self {
        Self {
            sku: line.sku.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            stock: LineStock::Waiting,
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a document is before its first event.
impl Default for OrderStatus {
    fn default() -> Self {
        Self {
            customer: CustomerId::new(Default::default()),
            lines: Vec::new(),
            total: Money::zero(Currency::KRW),
            state: OrderState::Placed,
            unanswered_cancellations: 0,
            cancellation_reason: None,
        }
    }
}
