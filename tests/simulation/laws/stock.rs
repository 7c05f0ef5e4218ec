//! Law 1. For each SKU: received + returned = on hand + dispatched; 0 ≤ held ≤ on hand; never oversold. Counted here
//! from the JSON alone, so that a mistake in the aggregate shows as well.

use std::collections::BTreeMap;

use super::{Broken, Evidence, payload, tell};

#[derive(Default)]
struct Shelf {
    on_hand: u64,
    held: BTreeMap<String, u64>,
}

impl Shelf {
    fn available(&self) -> Option<u64> {
        self.on_hand.checked_sub(self.held.values().sum())
    }
}

pub(super) fn is_never_oversold(evidence: &Evidence<'_>, broken: &mut Broken) {
    let mut shelves: BTreeMap<&str, Shelf> = BTreeMap::new();
    for event in evidence
        .events
        .iter()
        .filter(|event| *event.aggregate == *"stock")
    {
        let shelf = shelves.entry(&event.id).or_default();
        let said = payload(event);
        let quantity = said["quantity"].as_u64().unwrap_or_default();
        let order = said["order"].as_str().unwrap_or_default().to_owned();
        let available = shelf.available();
        let is_right = match &*event.name {
            "StockReceived" | "StockReturned" => {
                shelf.on_hand += quantity;
                quantity > 0
            }
            "StockHeld" => {
                let is_first = shelf.held.insert(order, quantity).is_none();
                is_first && available.is_some_and(|available| available >= quantity)
            }
            "StockShort" => {
                let asked = said["asked"].as_u64();
                available == said["available"].as_u64() && asked > available
            }
            "StockReleased" => shelf.held.remove(&order) == Some(quantity),
            "StockDispatched" => {
                shelf.on_hand = shelf.on_hand.saturating_sub(quantity);
                shelf.held.remove(&order) == Some(quantity)
            }
            _ => false,
        };
        broken.unless(is_right && shelf.available().is_some(), || {
            format!(
                "{} breaks the stock: {said} with {available:?} available",
                tell(event)
            )
        });
    }
}
