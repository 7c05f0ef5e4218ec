//! A law that cannot complain proves nothing: each hears of a ledger that breaks it.

use std::sync::Arc;

use event_schemas::Envelope;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{answers, ledger, policies, stock};
use crate::shop::Answer;
use crate::stored::Stored;
use crate::wish::{place, receive};

/// A ledger in the making.
#[derive(Default)]
struct Book(Vec<Envelope>);

impl Book {
    /// The next event of an aggregate; of a person, or of a policy that heard the event at a position.
    fn add(
        mut self,
        of: (&str, &str),
        name: &str,
        payload: Value,
        by: Option<(&str, usize)>,
    ) -> Self {
        let metadata = by.map_or(json!({ "actor": "anne" }), |(policy, heard)| {
            json!({ "actor": format!("policy:{policy}"), "causation_id": self.0[heard - 1].event_id })
        });
        let earlier = self
            .0
            .iter()
            .filter(|event| (&*event.aggregate, &*event.id) == of)
            .count();
        self.0.push(Envelope {
            position: self.0.len() as u64 + 1,
            event_id: Uuid::now_v7(),
            aggregate: Arc::from(of.0),
            id: of.1.to_owned(),
            sequence: earlier as u64 + 1,
            name: Arc::from(name),
            version: Arc::from("1"),
            payload: payload.to_string().into(),
            metadata: metadata.to_string().into(),
            command_id: Uuid::now_v7(),
            command_ordinal: 0,
            recorded_at: Default::default(),
        });
        self
    }

    fn stored(self) -> Stored {
        Stored {
            source: "/jangbu/mall/1".to_owned(),
            events: self.0,
        }
    }
}

const ORDER: (&str, &str) = ("order", "o1");
const TEA: (&str, &str) = ("stock", "tea");
const HOLD: &str = "hold_stock_when_order_placed";
const RELEASE: &str = "release_stock_when_order_cancelled";

fn placed() -> Book {
    let lines = json!({ "lines": [{ "sku": "tea" }] });
    Book::default()
        .add(TEA, "StockReceived", json!({ "quantity": 5 }), None)
        .add(ORDER, "OrderPlaced", lines, None)
}

fn held(book: Book, quantity: u64, heard: usize) -> Book {
    book.add(
        TEA,
        "StockHeld",
        json!({ "order": "o1", "quantity": quantity }),
        Some((HOLD, heard)),
    )
}

#[test]
fn a_gap_a_number_twice_and_a_torn_command_are_seen() {
    assert!(ledger::complaints(&placed().stored()).is_empty());
    for damage in [
        (|event: &mut Envelope| event.position = 3) as fn(&mut Envelope),
        |event| event.sequence = 2,
        |event| event.command_ordinal = 1,
    ] {
        let mut stored = placed().stored();
        damage(&mut stored.events[1]);
        assert_eq!(ledger::complaints(&stored).len(), 1);
    }
}

#[test]
fn an_answer_that_is_not_stored_or_was_another_before_is_seen() {
    let stored = placed().stored();
    let wish = |position: usize, mut wish: crate::wish::Wish| {
        wish.key = stored.events[position - 1].command_id;
        wish
    };
    let said = |name: &str, position: u64| Answer {
        status: 201,
        body: json!({ "position": position, "events": [{ "type": name }] }),
        position: Some(position),
    };
    let received = (wish(1, receive("tea", 5)), said("StockReceived", 1));
    assert!(answers::complaints(&stored, &[received.clone(), received.clone()]).is_empty());
    let lost = (receive("tea", 5), said("StockReceived", 1));
    let other = (received.0.clone(), said("StockReceived", 2));
    let renamed = (wish(2, place(Uuid::nil(), &[])), said("OrderCancelled", 2));
    assert_eq!(answers::complaints(&stored, &[lost]).len(), 1);
    assert!(!answers::complaints(&stored, &[received, other]).is_empty());
    assert_eq!(answers::complaints(&stored, &[renamed]).len(), 1);
}

#[test]
fn a_policy_that_owes_does_twice_or_does_for_nothing_is_seen() {
    assert_eq!(policies::owed(&placed().stored()).len(), 1);
    assert_eq!(
        policies::owed(&held(placed(), 1, 2).stored()).len(),
        1,
        "the order is to hear of it"
    );
    let twice = held(held(placed(), 1, 2), 1, 2).stored();
    assert!(
        policies::complaints(&twice)
            .iter()
            .any(|told| told.contains("gave 2 commands"))
    );
    assert!(
        policies::complaints(&twice)
            .iter()
            .any(|told| told.contains("StockHeld again"))
    );
    let for_nothing = held(placed(), 1, 1).stored();
    assert!(
        policies::complaints(&for_nothing)
            .iter()
            .any(|told| told.contains("asks for None"))
    );
}

#[test]
fn overselling_is_seen() {
    assert!(stock::complaints(&held(placed(), 5, 2).stored()).is_empty());
    assert_eq!(stock::complaints(&held(placed(), 6, 2).stored()).len(), 1);
}

#[test]
fn an_order_left_behind_and_stock_held_for_a_cancelled_one_are_seen() {
    let open = held(placed(), 1, 2);
    assert_eq!(stock::unsettled(&held(placed(), 1, 2).stored()).len(), 1);
    let cancelled = open.add(
        ORDER,
        "OrderCancelled",
        json!({ "lines": [{ "sku": "tea" }] }),
        None,
    );
    let released = json!({ "order": "o1", "quantity": 1 });
    let released = cancelled.add(TEA, "StockReleased", released, Some((RELEASE, 4)));
    assert!(stock::unsettled(&released.stored()).is_empty());
    let kept = held(placed(), 1, 2).add(ORDER, "OrderCancelled", json!({ "lines": [] }), None);
    assert_eq!(stock::unsettled(&kept.stored()).len(), 1);
}
