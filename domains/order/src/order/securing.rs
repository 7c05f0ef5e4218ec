//! Securing: stock is held line by line, then it is paid.

use event_schemas::order::{
    CancellationReason, OrderConfirmed, OrderLineSecured, OrderStockSecured,
};
use event_schemas::{Note, Sku};
use kernel::{Decision, nothing, says};

use super::{Order, Placed, State};

impl Placed {
    /// The last line secures the order; an order that costs nothing needs no payment and is confirmed at once.
    pub(super) fn record_stock_held(&self, sku: Sku) -> Decision<Order> {
        if self.state != State::Placed || !self.has(&sku) || self.secured.contains(&sku) {
            return nothing();
        }
        let is_last = self.secured.len() + 1 == self.lines.len();
        let said = says(OrderLineSecured { sku });
        match is_last {
            false => said,
            true if self.total.amount() == 0 => said.and(self.secured()).and(self.confirmed()),
            true => said.and(self.secured()),
        }
    }

    /// One line that cannot be had undoes the order; what the others hold is released.
    pub(super) fn record_stock_short(&self, sku: &Sku) -> Decision<Order> {
        match self.state {
            State::Placed if self.has(sku) => {
                says(self.cancelled(CancellationReason::StockShort, None))
            }
            _ => nothing(),
        }
    }

    /// Money that comes for a cancelled order is the payment's own business.
    pub(super) fn record_payment_captured(&self) -> Decision<Order> {
        match self.state {
            State::StockSecured => says(self.confirmed()),
            _ => nothing(),
        }
    }

    pub(super) fn record_payment_declined(&self, reason: Note) -> Decision<Order> {
        match self.state {
            State::StockSecured => {
                says(self.cancelled(CancellationReason::PaymentDeclined, Some(reason)))
            }
            _ => nothing(),
        }
    }

    /// Goods are not set aside for ever for somebody who does not pay.
    pub(super) fn expire(&self) -> Decision<Order> {
        match self.state {
            State::Placed | State::StockSecured => {
                says(self.cancelled(CancellationReason::Expired, None))
            }
            _ => nothing(),
        }
    }

    fn has(&self, sku: &Sku) -> bool {
        self.lines.iter().any(|line| line.sku == *sku)
    }

    fn secured(&self) -> OrderStockSecured {
        OrderStockSecured {
            customer: self.customer,
            total: self.total,
        }
    }

    fn confirmed(&self) -> OrderConfirmed {
        OrderConfirmed {
            customer: self.customer,
            lines: self.lines.clone(),
            ship_to: self.ship_to.clone(),
            total: self.total,
        }
    }
}
