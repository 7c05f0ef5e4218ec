//! What an order remembers.

use std::collections::BTreeSet;
use std::fmt;

use event_schemas::order::{OrderLine, OrderPlaced};
use event_schemas::{Address, CustomerId, Money, Note, OrderEvent, Personal, Sku};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far an order came.
///
/// placed → stock secured → confirmed → shipped → completed; a confirmed one that is to be cancelled is cancelling until
/// delivery has answered; a failed delivery is tried again (confirmed) or given up; cancelled and completed are final.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its stock.
    Placed,
    /// All of its stock is held; it waits for its payment.
    StockSecured,
    /// It is paid; it waits for its parcel.
    Confirmed,
    /// It is paid and not wanted; it waits for delivery to say whether it has left.
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

impl fmt::Display for State {
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

/// An order that was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Placed {
    pub(super) customer: CustomerId,
    pub(super) lines: Vec<OrderLine>,
    pub(super) total: Money,
    pub(super) ship_to: Personal<Address>,
    pub(super) state: State,
    /// The lines whose goods are set aside.
    pub(super) secured: BTreeSet<Sku>,
    /// It was paid at some time, whatever came after.
    pub(super) was_confirmed: bool,
    /// The goods left the shop at some time: they are not held any more, and come back as a parcel.
    pub(super) parcel_out: bool,
    /// Requests to cancel that delivery has not answered. An old refusal that meets a new request answers the old one.
    pub(super) unanswered: u32,
    /// What the customer said when asking to cancel.
    pub(super) note: Option<Note>,
}

impl Placed {
    pub(super) fn new(placed: &OrderPlaced) -> Self {
        Self {
            customer: placed.customer,
            lines: placed.lines.clone(),
            total: placed.total,
            ship_to: placed.ship_to.clone(),
            state: State::Placed,
            secured: BTreeSet::new(),
            was_confirmed: false,
            parcel_out: false,
            unanswered: 0,
            note: None,
        }
    }

    pub(super) fn apply(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced(e) => *self = Self::new(e),
            OrderEvent::OrderLineSecured(e) => {
                self.secured.insert(e.sku.clone());
            }
            OrderEvent::OrderStockSecured(_) => self.state = State::StockSecured,
            OrderEvent::OrderConfirmed(_) => {
                self.state = State::Confirmed;
                self.was_confirmed = true;
            }
            OrderEvent::OrderAddressChanged(e) => self.ship_to = e.ship_to.clone(),
            OrderEvent::OrderCancellationRequested(e) => {
                self.state = State::Cancelling;
                self.unanswered += 1;
                self.note = e.note.clone();
            }
            OrderEvent::OrderCancellationRefused(_) => self.refused(),
            OrderEvent::OrderShipped(_) => {
                self.state = State::Shipped;
                self.parcel_out = true;
            }
            OrderEvent::OrderDeliveryFailed(_) => self.state = State::DeliveryFailed,
            OrderEvent::OrderDeliveryRetried(e) => {
                self.state = State::Confirmed;
                self.ship_to = e.ship_to.clone();
            }
            OrderEvent::OrderCancelled(_) => self.state = State::Cancelled,
            OrderEvent::OrderCompleted(_) => self.state = State::Completed,
        }
    }

    /// Delivery answered one request; with the last answer it goes on where it was.
    fn refused(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if self.unanswered > 0 {
            return;
        }
        self.note = None;
        if self.state == State::Cancelling {
            self.state = State::Confirmed;
        }
    }
}
