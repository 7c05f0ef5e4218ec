//! No sequence of commands breaks the invariant of stock.

use std::collections::BTreeMap;

use event_schemas::{OrderId, Quantity, StockEvent};
use inventory::Stock;
use inventory::StockCommand::{self, Dispatch, Hold, Receive, Release, TakeBack};
use kernel::{Aggregate, Outcome, kit};
use proptest::prelude::*;
use uuid::Uuid;

/// What went in and out, counted from the events alone.
#[derive(Default)]
struct Books {
    came: u64,
    went: u64,
    holds: BTreeMap<OrderId, u64>,
}

impl Books {
    fn enter(&mut self, event: &StockEvent) {
        match event {
            StockEvent::StockReceived(e) => self.came += e.quantity.get(),
            StockEvent::StockReturned(e) => self.came += e.quantity.get(),
            StockEvent::StockHeld(e) => {
                let before = self.holds.insert(e.order, e.quantity.get());
                assert_eq!(before, None, "an order holds at most once");
            }
            StockEvent::StockShort(e) => {
                assert!(e.available < e.asked.get(), "short, but there was enough");
            }
            StockEvent::StockReleased(e) => {
                assert_eq!(self.holds.remove(&e.order), Some(e.quantity.get()));
            }
            StockEvent::StockDispatched(e) => {
                assert_eq!(self.holds.remove(&e.order), Some(e.quantity.get()));
                self.went += e.quantity.get();
            }
        }
    }
}

fn a_command() -> impl Strategy<Value = StockCommand> {
    let order = (0..5_u128).prop_map(|order| OrderId::new(Uuid::from_u128(order)));
    let quantity = prop_oneof![9 => 1..8_u64, 1 => (1_u64 << 51)..(1 << 53)]
        .prop_map(|pieces| Quantity::new(pieces).expect("at least 1, below 2^53"));
    prop_oneof![
        2 => quantity.clone().prop_map(|quantity| Receive { quantity }),
        5 => (order.clone(), quantity.clone())
            .prop_map(|(order, quantity)| Hold { order, quantity }),
        2 => order.clone().prop_map(|order| Release { order }),
        2 => order.clone().prop_map(|order| Dispatch { order }),
        1 => (order, quantity).prop_map(|(order, quantity)| TakeBack { order, quantity }),
    ]
}

proptest! {
    #[test]
    fn on_hand_is_never_less_than_held_and_nothing_appears_or_vanishes(
        commands in prop::collection::vec(a_command(), 1..60),
    ) {
        let mut stock = Stock::default();
        let mut books = Books::default();
        for command in commands {
            if let Outcome::Says(events) = stock.decide(command, &kit::context()).into_outcome() {
                for event in events {
                    stock.apply(&event);
                    books.enter(&event);
                }
            }
            prop_assert_eq!(books.came, stock.on_hand() + books.went);
            prop_assert_eq!(books.holds.values().sum::<u64>(), stock.held());
            prop_assert!(stock.held() <= stock.on_hand());
            prop_assert_eq!(stock.available(), stock.on_hand() - stock.held());
        }
    }

    #[test]
    fn holding_releasing_and_dispatching_twice_say_nothing_the_second_time(
        before in prop::collection::vec(a_command(), 0..20),
        command in a_command(),
    ) {
        let mut stock = Stock::default();
        for command in before.into_iter().chain([command.clone()]) {
            if let Outcome::Says(events) = stock.decide(command, &kit::context()).into_outcome() {
                events.iter().for_each(|event| stock.apply(event));
            }
        }
        let again = stock.decide(command.clone(), &kit::context()).into_outcome();
        match command {
            Release { .. } | Dispatch { .. } => {
                prop_assert!(matches!(again, Outcome::Nothing), "{:?}", again);
            }
            // Either it holds now and says nothing, or there is still not enough.
            Hold { .. } => {
                let said_new = matches!(&again, Outcome::Says(events)
                    if !matches!(events[..], [StockEvent::StockShort(_)]));
                prop_assert!(!said_new, "{:?}", again);
            }
            Receive { .. } | TakeBack { .. } => {}
        }
    }

    #[test]
    fn a_snapshot_is_the_state(commands in prop::collection::vec(a_command(), 0..30)) {
        let mut stock = Stock::default();
        for command in commands {
            if let Outcome::Says(events) = stock.decide(command, &kit::context()).into_outcome() {
                events.iter().for_each(|event| stock.apply(event));
            }
        }
        let json = serde_json::to_string(&stock).expect("a state is JSON");
        let restored: Stock = serde_json::from_str(&json).expect("a snapshot can be read");
        prop_assert_eq!(restored, stock);
    }
}
