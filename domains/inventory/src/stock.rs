//! Stock of one SKU: what is on hand, and which order holds how much of it.
//!
//! On hand ≥ held ≥ 0, always. This is the hot aggregate of a flash sale, so what a hold needs is counted, not summed,
//! and what was dispatched or released is forgotten. `decide` keeps the invariant; `apply` saturates, so that a history
//! nobody decided (a forged or damaged store) shows in the numbers and brings no process down.

use std::collections::BTreeMap;

use event_schemas::stock::{
    StockDispatched, StockHeld, StockReceived, StockReleased, StockReturned, StockShort,
};
use event_schemas::{INTEGER_LIMIT, OrderId, Quantity, Sku, StockEvent};
use kernel::{Aggregate, Context, Decision, nothing, refuse, says};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::StockCommand::{self, Dispatch, Hold, Receive, Release, TakeBack};
use crate::StockRejection;

/// The stock of one SKU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stock {
    on_hand: u64,
    held: u64,
    holds: BTreeMap<OrderId, Quantity>,
}

impl Aggregate for Stock {
    const NAME: &'static str = "stock";
    const FOR_POLICIES: &'static [&'static str] = &["take-back"];

    type Id = Sku;
    type Command = StockCommand;
    type Event = StockEvent;
    type Rejection = StockRejection;

    fn decide(&self, command: StockCommand, _: &Context) -> Decision<Self> {
        match command {
            Receive { quantity } => self.receive(quantity),
            Hold { order, quantity } => self.hold(order, quantity),
            Release { order } => self.release(order),
            Dispatch { order } => self.dispatch(order),
            TakeBack { order, quantity } => self.take_back(order, quantity),
        }
    }

    fn apply(&mut self, event: &StockEvent) {
        match event {
            StockEvent::StockReceived(e) => self.on_hand += e.quantity.get(),
            StockEvent::StockHeld(e) => {
                self.holds.insert(e.order, e.quantity);
                self.held += e.quantity.get();
            }
            StockEvent::StockShort(_) => {}
            StockEvent::StockReleased(e) => self.forget(e.order),
            StockEvent::StockDispatched(e) => {
                self.forget(e.order);
                self.on_hand = self.on_hand.saturating_sub(e.quantity.get());
            }
            StockEvent::StockReturned(e) => self.on_hand += e.quantity.get(),
        }
    }
}

impl Stock {
    /// How many are in the shop.
    #[must_use]
    pub fn on_hand(&self) -> u64 {
        self.on_hand
    }

    /// How many of them are set aside.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// How many can still be set aside.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.on_hand.saturating_sub(self.held)
    }

    fn receive(&self, quantity: Quantity) -> Decision<Self> {
        self.if_it_fits(quantity, StockReceived { quantity })
    }

    /// An order holds at most once; a policy that asks twice hears nothing new.
    fn hold(&self, order: OrderId, quantity: Quantity) -> Decision<Self> {
        if self.holds.contains_key(&order) {
            return nothing();
        }
        let available = self.available();
        if available < quantity.get() {
            return says(StockShort {
                order,
                asked: quantity,
                available,
            });
        }
        says(StockHeld { order, quantity })
    }

    /// What is not held needs no release.
    fn release(&self, order: OrderId) -> Decision<Self> {
        match self.holds.get(&order) {
            Some(&quantity) => says(StockReleased { order, quantity }),
            None => nothing(),
        }
    }

    /// What is not held cannot leave: it left before, when the parcel was first sent.
    fn dispatch(&self, order: OrderId) -> Decision<Self> {
        match self.holds.get(&order) {
            Some(&quantity) => says(StockDispatched { order, quantity }),
            None => nothing(),
        }
    }

    /// Nothing is remembered of dispatched orders, so that the state stays bounded: that goods come back only once is
    /// the command id's doing.
    fn take_back(&self, order: OrderId, quantity: Quantity) -> Decision<Self> {
        self.if_it_fits(quantity, StockReturned { order, quantity })
    }

    /// Every number on the wire stays below 2^53.
    fn if_it_fits(&self, quantity: Quantity, event: impl Into<StockEvent>) -> Decision<Self> {
        match self.on_hand.checked_add(quantity.get()) {
            Some(on_hand) if on_hand < INTEGER_LIMIT => says(event),
            _ => refuse(StockRejection::StockOverflow {
                on_hand: self.on_hand,
                quantity,
            }),
        }
    }

    fn forget(&mut self, order: OrderId) {
        if let Some(quantity) = self.holds.remove(&order) {
            self.held = self.held.saturating_sub(quantity.get());
        }
    }
}
