//! An order: what was placed, and how far it came.
//!
//! It hears of stock, payment and delivery by commands that policies give; what comes too late, twice or for nobody says
//! nothing. Which state leads to which: docs of [`State`].

mod placing;
mod securing;
mod cancelling;
mod delivering;
mod state;

pub use placing::{MAX_LINES, MAX_QUANTITY};
pub use state::State;

use event_schemas::order::OrderAddressChanged;
use event_schemas::{Address, OrderEvent, OrderId, Personal};
use kernel::{Aggregate, Context, Decision, nothing, refuse, says};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{OrderCommand, OrderRejection};
use state::Placed;

/// An order. Until it is placed it is nobody's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Order(Option<Placed>);

impl Aggregate for Order {
    const NAME: &'static str = "order";
    const FOR_POLICIES: &'static [&'static str] = &[
        "record-stock-held",
        "record-stock-short",
        "record-payment-captured",
        "record-payment-declined",
        "record-shipped",
        "record-delivered",
        "record-delivery-failed",
        "record-delivery-cancelled",
        "record-delivery-cancel-refused",
        "expire",
    ];

    type Id = OrderId;
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Rejection = OrderRejection;

    fn decide(&self, command: OrderCommand, _: &Context) -> Decision<Self> {
        match &self.0 {
            Some(order) => order.decide(command),
            None => begin(command),
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        match (event, &mut self.0) {
            (OrderEvent::OrderPlaced(e), order) => *order = Some(Placed::new(e)),
            (event, Some(order)) => order.apply(event),
            (_, None) => {}
        }
    }
}

impl Order {
    /// Where it stands; none before it is placed.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.0.as_ref().map(|order| order.state)
    }
}

/// It is placed first. A person hears that it is not there; a policy's news of it is nobody's news.
fn begin(command: OrderCommand) -> Decision<Order> {
    match command {
        OrderCommand::Place {
            customer,
            lines,
            ship_to,
        } => placing::place(customer, lines, ship_to),
        OrderCommand::Cancel { .. }
        | OrderCommand::ChangeAddress { .. }
        | OrderCommand::RetryDelivery { .. } => refuse(OrderRejection::OrderUnknown {}),
        OrderCommand::RecordStockHeld { .. }
        | OrderCommand::RecordStockShort { .. }
        | OrderCommand::RecordPaymentCaptured {}
        | OrderCommand::RecordPaymentDeclined { .. }
        | OrderCommand::RecordShipped {}
        | OrderCommand::RecordDelivered {}
        | OrderCommand::RecordDeliveryFailed { .. }
        | OrderCommand::RecordDeliveryCancelled {}
        | OrderCommand::RecordDeliveryCancelRefused {}
        | OrderCommand::Expire {} => nothing(),
    }
}

impl Placed {
    fn decide(&self, command: OrderCommand) -> Decision<Order> {
        match command {
            OrderCommand::Place {
                customer,
                lines,
                ship_to,
            } => self.place_again(customer, lines, &ship_to),
            OrderCommand::Cancel { note } => self.cancel(note),
            OrderCommand::ChangeAddress { ship_to } => self.change_address(ship_to),
            OrderCommand::RetryDelivery { ship_to } => self.retry_delivery(ship_to),
            OrderCommand::RecordStockHeld { sku } => self.record_stock_held(sku),
            OrderCommand::RecordStockShort { sku } => self.record_stock_short(&sku),
            OrderCommand::RecordPaymentCaptured {} => self.record_payment_captured(),
            OrderCommand::RecordPaymentDeclined { reason } => self.record_payment_declined(reason),
            OrderCommand::RecordShipped {} => self.record_shipped(),
            OrderCommand::RecordDelivered {} => self.record_delivered(),
            OrderCommand::RecordDeliveryFailed { reason } => self.record_delivery_failed(reason),
            OrderCommand::RecordDeliveryCancelled {} => self.record_delivery_cancelled(),
            OrderCommand::RecordDeliveryCancelRefused {} => self.record_cancel_refused(),
            OrderCommand::Expire {} => self.expire(),
        }
    }

    /// Until it is confirmed; afterwards the parcel is being made ready, and only a failed delivery opens it again.
    fn change_address(&self, ship_to: Personal<Address>) -> Decision<Order> {
        match self.state {
            State::Placed | State::StockSecured if self.ship_to == ship_to => nothing(),
            State::Placed | State::StockSecured => says(OrderAddressChanged { ship_to }),
            state => refuse(OrderRejection::AddressFixed { state }),
        }
    }
}
