//! Delivering: the parcel's news counts while the order is confirmed or cancelling, and ends the cancelling.

use event_schemas::order::{
    OrderCompleted, OrderDeliveryFailed, OrderDeliveryRetried, OrderShipped,
};
use event_schemas::{Address, Note, Personal};
use kernel::{Decision, nothing, refuse, says};

use super::{Order, Placed, State};
use crate::OrderRejection;

impl Placed {
    pub(super) fn record_shipped(&self) -> Decision<Order> {
        match self.state {
            State::Confirmed | State::Cancelling => says(self.shipped()),
            _ => nothing(),
        }
    }

    /// A parcel that arrived has left, even where nobody heard of it: its goods are held no more.
    pub(super) fn record_delivered(&self) -> Decision<Order> {
        match self.state {
            State::Shipped => says(self.completed()),
            State::Confirmed | State::Cancelling => says(self.shipped()).and(self.completed()),
            _ => nothing(),
        }
    }

    pub(super) fn record_delivery_failed(&self, reason: Note) -> Decision<Order> {
        match self.state {
            State::Shipped | State::Confirmed | State::Cancelling => {
                says(OrderDeliveryFailed { reason })
            }
            _ => nothing(),
        }
    }

    /// It goes where it went before, unless the customer says otherwise.
    pub(super) fn retry_delivery(&self, ship_to: Option<Personal<Address>>) -> Decision<Order> {
        match self.state {
            State::DeliveryFailed => says(OrderDeliveryRetried {
                customer: self.customer,
                lines: self.lines.clone(),
                ship_to: ship_to.unwrap_or_else(|| self.ship_to.clone()),
            }),
            state => refuse(OrderRejection::DeliveryNotFailed { state }),
        }
    }

    fn shipped(&self) -> OrderShipped {
        OrderShipped {
            customer: self.customer,
            lines: self.lines.clone(),
        }
    }

    fn completed(&self) -> OrderCompleted {
        OrderCompleted {
            customer: self.customer,
            total: self.total,
        }
    }
}
