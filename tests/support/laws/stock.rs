//! Laws 1 and 3 of the mall: stock is never oversold, every order is secured or cancelled, and what a cancelled order
//! held is released.

use std::collections::{BTreeMap, BTreeSet};

use super::Complaints;
use crate::stored::{Stored, payload};

#[derive(Default)]
struct Shelf {
    on_hand: i64,
    held: i64,
}

pub(super) fn complaints(stored: &Stored) -> Complaints {
    let mut complaints = Vec::new();
    let mut shelves: BTreeMap<&str, Shelf> = BTreeMap::new();
    for event in stored
        .events
        .iter()
        .filter(|event| &*event.aggregate == "stock")
    {
        let quantity = payload(event)["quantity"].as_i64().unwrap_or_default();
        let shelf = shelves.entry(&event.id).or_default();
        match &*event.name {
            "StockReceived" | "StockReturned" => shelf.on_hand += quantity,
            "StockHeld" => shelf.held += quantity,
            "StockReleased" => shelf.held -= quantity,
            "StockDispatched" => {
                (shelf.held, shelf.on_hand) = (shelf.held - quantity, shelf.on_hand - quantity)
            }
            _ => {}
        }
        if !(0..=shelf.on_hand).contains(&shelf.held) {
            complaints.push(format!(
                "after position {} there are {} {} on hand and {} held",
                event.position, shelf.on_hand, event.id, shelf.held
            ));
        }
    }
    complaints
}

/// Orders that are neither secured nor cancelled, and stock that is held for cancelled ones.
pub(super) fn unsettled(stored: &Stored) -> Complaints {
    let of = |name: &'static str| -> BTreeSet<String> {
        stored.named(name).map(|event| event.id.clone()).collect()
    };
    let (placed, secured, cancelled) = (
        of("OrderPlaced"),
        of("OrderStockSecured"),
        of("OrderCancelled"),
    );
    let settled: BTreeSet<_> = secured.union(&cancelled).cloned().collect();
    let mut complaints: Complaints = placed
        .difference(&settled)
        .map(|order| format!("order {order} is still placed"))
        .collect();

    let pairs = |name: &'static str| -> BTreeSet<(String, String)> {
        let order = |event| {
            payload(event)["order"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        stored
            .named(name)
            .map(|event| (order(event), event.id.clone()))
            .collect()
    };
    let (held, released) = (pairs("StockHeld"), pairs("StockReleased"));
    for (order, sku) in &held {
        let is_released = released.contains(&(order.clone(), sku.clone()));
        if placed.contains(order) && is_released != cancelled.contains(order) {
            let what = if is_released {
                "was released"
            } else {
                "is held"
            };
            complaints.push(format!(
                "{sku} {what} for order {order}, which is the wrong way round"
            ));
        }
    }
    complaints
}
