//! Every policy acted on every event it hears, once: the mall's process, told again from the-mall.md.

use std::collections::{HashMap, HashSet};

use event_schemas::Envelope;
use uuid::Uuid;

use super::Complaints;
use crate::stored::{Stored, payload};

/// Which commands an event must lead to: the policy, and how many of its commands.
fn duties(event: &Envelope) -> Option<(&'static str, usize)> {
    let lines = || payload(event)["lines"].as_array().map_or(0, Vec::len);
    match &*event.name {
        "OrderPlaced" => Some(("policy:hold_stock_when_order_placed", lines())),
        "OrderCancelled" => Some(("policy:release_stock_when_order_cancelled", lines())),
        "StockHeld" => Some(("policy:record_stock_held_when_stock_held", 1)),
        "StockShort" => Some(("policy:record_stock_short_when_stock_short", 1)),
        _ => None,
    }
}

/// Commands by who gave them and why.
fn given(stored: &Stored) -> HashMap<(String, Uuid), usize> {
    let mut given = HashMap::new();
    for (_, metadata) in stored.commands() {
        if let Some(cause) = metadata.causation_id.and_then(|id| id.parse().ok()) {
            *given.entry((metadata.actor, cause)).or_default() += 1;
        }
    }
    given
}

/// What is not done yet.
pub(super) fn owed(stored: &Stored) -> Complaints {
    let given = given(stored);
    let duties = stored
        .events
        .iter()
        .filter_map(|event| Some((event, duties(event)?)));
    duties
        .filter_map(|(event, (policy, count))| {
            let done = given
                .get(&(policy.to_owned(), event.event_id))
                .copied()
                .unwrap_or_default();
            (done < count).then(|| {
                format!(
                    "{policy}: {done} of {count} for position {}",
                    event.position
                )
            })
        })
        .collect()
}

/// What was done too often, or for nothing; and whose effects are there twice.
pub(super) fn complaints(stored: &Stored) -> Complaints {
    let mut complaints = owed(stored);
    let by_id: HashMap<Uuid, &Envelope> = stored
        .events
        .iter()
        .map(|event| (event.event_id, event))
        .collect();
    for ((policy, cause), count) in given(stored) {
        let duty = by_id.get(&cause).and_then(|event| duties(event));
        if duty != Some((duty.map_or("", |duty| duty.0), count))
            || duty.is_none_or(|duty| duty.0 != policy)
        {
            complaints.push(format!(
                "{policy} gave {count} commands for {cause}, which asks for {duty:?}"
            ));
        }
    }
    complaints.extend(said_twice(stored));
    complaints
}

/// Each of these is said once for an order and a SKU, where policies ask for it; by hand, anything can be said again.
fn said_twice(stored: &Stored) -> Complaints {
    let once = [
        "StockHeld",
        "StockShort",
        "StockReleased",
        "OrderLineSecured",
        "OrderStockSecured",
    ];
    let mut seen = HashSet::new();
    let events = stored
        .events
        .iter()
        .filter(|event| once.contains(&&*event.name))
        .filter(|event| event.read_metadata().actor.starts_with("policy:"));
    events
        .filter_map(|event| {
            let said = payload(event);
            let about = (
                event.name.clone(),
                event.id.clone(),
                said["order"].to_string(),
                said["sku"].to_string(),
            );
            let again = format!("{} again at position {}", event.name, event.position);
            (!seen.insert(about)).then_some(again)
        })
        .collect()
}
