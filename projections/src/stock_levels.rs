//! What stands on the shelf, per SKU.

use event_schemas::StockEvent;
use kernel::{View, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What there is of one SKU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevel {
    /// How many are in the shop.
    pub on_hand: u64,
    /// How many of them are set aside for orders.
    pub held: u64,
    /// How many can still be had.
    pub available: u64,
}

/// The view, by SKU.
#[must_use]
pub fn stock_levels() -> View<StockLevel> {
    view("stock_levels", 1)
        .column("on_hand", |row: &StockLevel| row.on_hand)
        .column("held", |row| row.held)
        .column("available", |row| row.available)
        .on::<StockEvent, _>(|_, heard| [heard.id()], |row, event, _| row.fold(event))
}

impl StockLevel {
    /// It saturates where the stock itself does: a damaged history shows in the numbers and stops nothing.
    fn fold(&mut self, event: &StockEvent) {
        match event {
            StockEvent::StockReceived(e) => self.on_hand += e.quantity.get(),
            StockEvent::StockHeld(e) => self.held += e.quantity.get(),
            StockEvent::StockShort(_) => {}
            StockEvent::StockReleased(e) => {
                self.held = self.held.saturating_sub(e.quantity.get());
            }
            StockEvent::StockDispatched(e) => {
                self.held = self.held.saturating_sub(e.quantity.get());
                self.on_hand = self.on_hand.saturating_sub(e.quantity.get());
            }
            StockEvent::StockReturned(e) => self.on_hand += e.quantity.get(),
        }
        self.available = self.on_hand.saturating_sub(self.held);
    }
}
