//! Cancelling: at once before it is confirmed, afterwards only if delivery can still keep the parcel.

use event_schemas::Note;
use event_schemas::order::{
    CancellationReason, OrderCancellationRefused, OrderCancellationRequested, OrderCancelled,
};
use kernel::{Decision, nothing, refuse, says};

use super::{Order, Placed, State};
use crate::OrderRejection;

impl Placed {
    /// Cancelling twice says nothing.
    pub(super) fn cancel(&self, note: Option<Note>) -> Decision<Order> {
        match self.state {
            State::Placed | State::StockSecured | State::DeliveryFailed => {
                says(self.cancelled(CancellationReason::Customer, note))
            }
            State::Confirmed => says(OrderCancellationRequested { note }),
            State::Shipped | State::Completed => refuse(OrderRejection::AlreadyShipped {}),
            State::Cancelling | State::Cancelled => nothing(),
        }
    }

    /// Delivery will not bring it: whatever the order was waiting for, it comes to nothing.
    pub(super) fn record_delivery_cancelled(&self) -> Decision<Order> {
        match self.state {
            State::Completed | State::Cancelled => nothing(),
            _ => says(self.cancelled(CancellationReason::DeliveryCancelled, self.note.clone())),
        }
    }

    /// One answer for each request. When the parcel's own news came first, the refusal is recorded and changes nothing.
    pub(super) fn record_cancel_refused(&self) -> Decision<Order> {
        if self.unanswered == 0 || self.state == State::Cancelled {
            return nothing();
        }
        says(OrderCancellationRefused {})
    }

    pub(super) fn cancelled(
        &self,
        reason: CancellationReason,
        note: Option<Note>,
    ) -> OrderCancelled {
        OrderCancelled {
            customer: self.customer,
            lines: self.lines.clone(),
            reason,
            note,
            was_confirmed: self.was_confirmed,
            parcel_out: self.parcel_out,
        }
    }
}
