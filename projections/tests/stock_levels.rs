//! What the shelf shows, told as histories.

use event_schemas::stock::{
    StockDispatched, StockHeld, StockReceived, StockReleased, StockReturned, StockShort,
};
use event_schemas::{OrderId, Quantity, Sku};
use inventory::{Stock, StockCommand};
use kernel::kit::{self, Shown, show};
use kernel::{Aggregate, ColumnValue, Outcome};
use projections::{StockLevel, stock_levels};
use proptest::prelude::*;
use uuid::Uuid;

const ANNES: OrderId = OrderId::new(Uuid::from_u128(1));

fn tea() -> Sku {
    Sku::new("tea").expect("tea is a SKU")
}

fn pieces(pieces: u64) -> Quantity {
    Quantity::new(pieces).expect("a test counts in quantities")
}

fn received(quantity: u64) -> Shown<StockLevel> {
    show(stock_levels()).hears(
        tea(),
        StockReceived {
            quantity: pieces(quantity),
        },
    )
}

fn held(quantity: u64) -> StockHeld {
    StockHeld {
        order: ANNES,
        quantity: pieces(quantity),
    }
}

fn level(on_hand: u64, held: u64, available: u64) -> Option<StockLevel> {
    Some(StockLevel {
        on_hand,
        held,
        available,
    })
}

#[test]
fn what_was_never_heard_of_is_not_shown() {
    assert_eq!(show(stock_levels()).document("tea"), None);
}

#[test]
fn what_comes_in_is_on_hand_and_available() {
    assert_eq!(received(5).document("tea"), level(5, 0, 5));
}

#[test]
fn what_is_held_is_not_available() {
    assert_eq!(
        received(5).hears(tea(), held(2)).document("tea"),
        level(5, 2, 3)
    );
}

#[test]
fn a_short_order_takes_nothing() {
    let short = StockShort {
        order: ANNES,
        asked: pieces(9),
        available: 5,
    };
    assert_eq!(
        received(5).hears(tea(), short).document("tea"),
        level(5, 0, 5)
    );
}

#[test]
fn what_is_released_is_available_again() {
    let released = StockReleased {
        order: ANNES,
        quantity: pieces(2),
    };
    let shelf = received(5).hears(tea(), held(2)).hears(tea(), released);
    assert_eq!(shelf.document("tea"), level(5, 0, 5));
}

#[test]
fn what_leaves_is_neither_on_hand_nor_held() {
    let dispatched = StockDispatched {
        order: ANNES,
        quantity: pieces(2),
    };
    let shelf = received(5).hears(tea(), held(2)).hears(tea(), dispatched);
    assert_eq!(shelf.document("tea"), level(3, 0, 3));
}

#[test]
fn what_comes_back_is_on_hand_again() {
    let returned = StockReturned {
        order: ANNES,
        quantity: pieces(2),
    };
    assert_eq!(
        received(5).hears(tea(), returned).document("tea"),
        level(7, 0, 7)
    );
}

#[test]
fn each_sku_has_its_own_level() {
    let cup = Sku::new("cup").expect("a cup is a SKU");
    let shelf = received(5).hears(
        cup,
        StockReceived {
            quantity: Quantity::ONE,
        },
    );
    assert_eq!(shelf.document("tea"), level(5, 0, 5));
    assert_eq!(shelf.document("cup"), level(1, 0, 1));
}

#[test]
fn each_number_can_be_searched_by() {
    let shelf = received(5).hears(tea(), held(2));
    for (column, number) in [("on_hand", 5), ("held", 2), ("available", 3)] {
        assert_eq!(
            shelf.column("tea", column),
            Some(ColumnValue::Integer(number)),
            "{column}"
        );
    }
}

fn a_command() -> impl Strategy<Value = StockCommand> {
    let order = (0..4_u128).prop_map(|order| OrderId::new(Uuid::from_u128(order)));
    let quantity = (1..9_u64).prop_map(pieces);
    prop_oneof![
        quantity
            .clone()
            .prop_map(|quantity| StockCommand::Receive { quantity }),
        (order.clone(), quantity.clone())
            .prop_map(|(order, quantity)| StockCommand::Hold { order, quantity }),
        order
            .clone()
            .prop_map(|order| StockCommand::Release { order }),
        order
            .clone()
            .prop_map(|order| StockCommand::Dispatch { order }),
        (order, quantity).prop_map(|(order, quantity)| StockCommand::TakeBack { order, quantity }),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_is_what_stock_knows(commands in prop::collection::vec(a_command(), 1..40)) {
        let mut stock = Stock::default();
        let mut shelf = show(stock_levels());
        for command in commands {
            if let Outcome::Says(events) = stock.decide(command, &kit::context()).into_outcome() {
                for event in events {
                    stock.apply(&event);
                    shelf = shelf.hears_one(&tea(), &event);
                }
            }
            let known = level(stock.on_hand(), stock.held(), stock.available());
            prop_assert_eq!(shelf.document("tea").unwrap_or_default(), known.unwrap_or_default());
        }
    }
}
