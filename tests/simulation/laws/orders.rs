//! Law 3, as far as this slice goes: every order that was placed ends secured or cancelled, a secured one holds the
//! stock of each of its lines, nothing is held for a cancelled one; and what a policy has to ask, it asked.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broken, Evidence, payload, tell};

/// SKU and quantity.
type Lines = BTreeMap<String, u64>;

pub(super) fn all_end(evidence: &Evidence<'_>, broken: &mut Broken) {
    let mut placed: BTreeMap<&str, Lines> = BTreeMap::new();
    let (mut secured, mut cancelled) = (BTreeSet::new(), BTreeSet::new());
    let mut held: BTreeMap<String, Lines> = BTreeMap::new();
    for event in &evidence.events {
        let said = payload(event);
        let order = said["order"].as_str().unwrap_or_default().to_owned();
        match &*event.name {
            "OrderPlaced" => {
                let lines = said["lines"].as_array().into_iter().flatten().map(|line| {
                    let sku = line["sku"].as_str().unwrap_or_default().to_owned();
                    (sku, line["quantity"].as_u64().unwrap_or_default())
                });
                placed.insert(&event.id, lines.collect());
            }
            "OrderStockSecured" => {
                secured.insert(&*event.id);
            }
            "OrderCancelled" => {
                cancelled.insert(&*event.id);
            }
            "StockHeld" => {
                let quantity = said["quantity"].as_u64().unwrap_or_default();
                held.entry(order)
                    .or_default()
                    .insert(event.id.clone(), quantity);
            }
            "StockReleased" | "StockDispatched" => {
                held.entry(order).or_default().remove(&event.id);
            }
            _ => {}
        }
    }
    for (order, lines) in &placed {
        let holds = held.get(*order).cloned().unwrap_or_default();
        match (secured.contains(order), cancelled.contains(order)) {
            (false, false) => broken.unless(false, || {
                format!("order {order} ended neither secured nor cancelled; it holds {holds:?} of {lines:?}")
            }),
            (_, true) => broken.unless(holds.is_empty(), || {
                format!("order {order} is cancelled, and {holds:?} is held for it")
            }),
            (true, false) => broken.unless(holds == *lines, || {
                format!("order {order} is secured, and of {lines:?} it holds {holds:?}")
            }),
        }
    }
    for order in held.keys() {
        broken.unless(placed.contains_key(&**order), || {
            format!("stock was held for order {order}, which nobody placed")
        });
    }
}

/// Each thing that policies ask is stored under its own id, once, as a fact or as nothing to do.
pub(super) fn policies_took_effect(evidence: &Evidence<'_>, broken: &mut Broken) {
    let facts = evidence.facts();
    for (event, asked) in evidence.asked_by_policies() {
        broken.unless(facts.contains_key(&asked.command_id), || {
            let command = asked.command.name;
            format!(
                "{} asks {} to {command}, and nothing is stored of it",
                tell(event),
                asked.stream
            )
        });
    }
}
