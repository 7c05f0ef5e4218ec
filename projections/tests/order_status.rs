//! What is shown of an order, told as histories.

use event_schemas::order::{
    CancellationReason, OrderAddressChanged, OrderCancellationRefused, OrderCancellationRequested,
    OrderCancelled, OrderLine, OrderLineSecured, OrderPlaced, OrderStockSecured,
};
use event_schemas::stock::{StockHeld, StockReceived, StockReleased, StockShort};
use event_schemas::{Currency, CustomerId, Money, Note, OrderId, Personal, Quantity, Sku};
use kernel::kit::{self, Shown, show};
use kernel::{Aggregate, ColumnValue, Outcome};
use order::{Line, Order, OrderCommand};
use projections::{LineStatus, LineStock, OrderState, OrderStatus, order_status};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const ORDER: OrderId = OrderId::new(Uuid::from_u128(1));
const ANNE: CustomerId = CustomerId::new(Uuid::from_u128(2));

fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a test names real goods")
}

fn won(amount: i64) -> Money {
    Money::new(amount, Currency::KRW).expect("a test pays what can be paid")
}

fn line(text: &str, unit_price: i64) -> OrderLine {
    OrderLine {
        sku: sku(text),
        quantity: Quantity::ONE,
        unit_price: won(unit_price),
    }
}

fn placed() -> OrderPlaced {
    OrderPlaced {
        customer: ANNE,
        lines: vec![line("tea", 1_000), line("cup", 5_000)],
        total: won(6_000),
        ship_to: Personal::Forgotten,
        catalogue_position: None,
    }
}

fn cancelled(reason: CancellationReason) -> OrderCancelled {
    OrderCancelled {
        customer: ANNE,
        lines: placed().lines,
        reason,
        note: None,
        was_confirmed: false,
        parcel_out: false,
    }
}

fn held(order: OrderId) -> StockHeld {
    StockHeld {
        order,
        quantity: Quantity::ONE,
    }
}

fn short(order: OrderId) -> StockShort {
    StockShort {
        order,
        asked: Quantity::ONE,
        available: 0,
    }
}

fn shown() -> Shown<OrderStatus> {
    show(order_status()).hears(ORDER, placed())
}

fn status(shown: &Shown<OrderStatus>) -> OrderStatus {
    shown.document(ORDER).expect("the order is shown")
}

fn stock(shown: &Shown<OrderStatus>) -> Vec<LineStock> {
    status(shown).lines.iter().map(|line| line.stock).collect()
}

#[test]
fn an_order_that_is_placed_waits_for_the_stock_of_each_line() {
    let waiting = |text: &str, unit_price: i64| LineStatus {
        sku: sku(text),
        quantity: Quantity::ONE,
        unit_price: won(unit_price),
        stock: LineStock::Waiting,
    };
    let expected = OrderStatus {
        customer: ANNE,
        lines: vec![waiting("tea", 1_000), waiting("cup", 5_000)],
        total: won(6_000),
        state: OrderState::Placed,
        unanswered_cancellations: 0,
        cancellation_reason: None,
    };
    assert_eq!(status(&shown()), expected);
}

#[test]
fn it_reads_as_plain_json() {
    assert_eq!(
        serde_json::to_value(status(&shown().hears(sku("tea"), held(ORDER)))).unwrap(),
        json!({
            "customer": ANNE.to_string(),
            "lines": [
                {
                    "sku": "tea", "quantity": 1, "stock": "held",
                    "unit_price": { "amount": 1000, "currency": "KRW" },
                },
                {
                    "sku": "cup", "quantity": 1, "stock": "waiting",
                    "unit_price": { "amount": 5000, "currency": "KRW" },
                },
            ],
            "total": { "amount": 6000, "currency": "KRW" },
            "state": "placed",
        })
    );
}

#[test]
fn a_line_is_held_as_soon_as_stock_says_so() {
    let shown = shown().hears(sku("cup"), held(ORDER));
    assert_eq!(stock(&shown), [LineStock::Waiting, LineStock::Held]);
}

#[test]
fn a_line_that_the_order_secured_is_held() {
    let shown = shown().hears(ORDER, OrderLineSecured { sku: sku("tea") });
    assert_eq!(stock(&shown), [LineStock::Held, LineStock::Waiting]);
}

#[test]
fn when_all_lines_are_held_its_stock_is_secured() {
    let secured = OrderStockSecured {
        customer: ANNE,
        total: won(6_000),
    };
    assert_eq!(
        status(&shown().hears(ORDER, secured)).state,
        OrderState::StockSecured
    );
}

#[test]
fn an_order_cancelled_for_want_of_stock_shows_which_line_was_short() {
    let shown = shown()
        .hears(sku("tea"), held(ORDER))
        .hears(sku("cup"), short(ORDER))
        .hears(ORDER, cancelled(CancellationReason::StockShort))
        .hears(
            sku("tea"),
            StockReleased {
                order: ORDER,
                quantity: Quantity::ONE,
            },
        );
    assert_eq!(stock(&shown), [LineStock::Held, LineStock::Short]);
    let status = status(&shown);
    assert_eq!(status.state, OrderState::Cancelled);
    assert_eq!(
        status.cancellation_reason,
        Some(CancellationReason::StockShort)
    );
    assert_eq!(
        serde_json::to_value(&status).unwrap()["cancellation_reason"],
        json!("stock_short")
    );
}

#[test]
fn stock_that_answers_for_an_order_nobody_placed_shows_no_order() {
    let shown = show(order_status())
        .hears(sku("tea"), held(ORDER))
        .hears(sku("cup"), short(ORDER));
    assert_eq!(shown.document(ORDER), None);

    // And an order placed afterwards under that id is shown as it was placed.
    let shown = shown.hears(ORDER, placed());
    assert_eq!(stock(&shown), [LineStock::Waiting, LineStock::Waiting]);
}

#[test]
fn stock_that_answers_for_what_is_not_in_the_order_changes_no_line() {
    let shown = shown().hears(sku("hat"), held(ORDER));
    assert_eq!(stock(&shown), [LineStock::Waiting, LineStock::Waiting]);
}

#[test]
fn other_news_of_stock_shows_nothing() {
    let shown = shown().hears(
        sku("tea"),
        StockReceived {
            quantity: Quantity::ONE,
        },
    );
    assert_eq!(status(&shown), status(&self::shown()));
    assert_eq!(shown.document("tea"), None);
}

#[test]
fn where_it_goes_is_not_shown() {
    let moved = OrderAddressChanged {
        ship_to: Personal::Sealed("secret".into()),
    };
    let shown = shown().hears(ORDER, moved);
    assert!(
        !serde_json::to_string(&status(&shown))
            .unwrap()
            .contains("secret")
    );
}

#[test]
fn a_refusal_answers_one_request_to_cancel() {
    let requested = || OrderCancellationRequested { note: None };
    let shown = shown().hears(ORDER, requested()).hears(ORDER, requested());
    assert_eq!(status(&shown).unanswered_cancellations, 2);

    let shown = shown.hears(ORDER, OrderCancellationRefused {});
    assert_eq!(status(&shown).state, OrderState::Cancelling);
    let shown = shown.hears(ORDER, OrderCancellationRefused {});
    assert_eq!(status(&shown).state, OrderState::Confirmed);
}

#[test]
fn it_can_be_searched_by_customer_and_state() {
    let shown = shown().hears(ORDER, cancelled(CancellationReason::Expired));
    let text = |text: &str| Some(ColumnValue::Text(text.into()));
    assert_eq!(shown.column(ORDER, "customer"), text(&ANNE.to_string()));
    assert_eq!(shown.column(ORDER, "state"), text("cancelled"));
}

fn a_command() -> impl Strategy<Value = OrderCommand> {
    let reason = || Note::new("because").expect("a short word");
    let line = |text: &str, price| Line {
        sku: sku(text),
        quantity: Quantity::ONE,
        unit_price: won(price),
    };
    let place = |lines| OrderCommand::Place {
        customer: ANNE,
        lines,
        ship_to: Personal::Forgotten,
    };
    prop::sample::select(vec![
        place(vec![line("tea", 1_000), line("cup", 5_000)]),
        place(vec![line("tea", 0)]),
        OrderCommand::Cancel { note: None },
        OrderCommand::RetryDelivery { ship_to: None },
        OrderCommand::RecordStockHeld { sku: sku("tea") },
        OrderCommand::RecordStockHeld { sku: sku("cup") },
        OrderCommand::RecordStockShort { sku: sku("cup") },
        OrderCommand::RecordPaymentCaptured {},
        OrderCommand::RecordPaymentDeclined { reason: reason() },
        OrderCommand::RecordShipped {},
        OrderCommand::RecordDelivered {},
        OrderCommand::RecordDeliveryFailed { reason: reason() },
        OrderCommand::RecordDeliveryCancelled {},
        OrderCommand::RecordDeliveryCancelRefused {},
        OrderCommand::Expire {},
    ])
}

proptest! {
    #[test]
    fn the_state_that_is_shown_is_the_one_the_order_knows(
        commands in prop::collection::vec(a_command(), 1..60),
    ) {
        let mut order = Order::default();
        let mut shown = show(order_status());
        for command in commands {
            if let Outcome::Says(events) = order.decide(command, &kit::context()).into_outcome() {
                for event in events {
                    order.apply(&event);
                    shown = shown.hears_one(&ORDER, &event);
                }
            }
            let known = order.state().map(|state| state.to_string());
            let state = shown.document(ORDER).map(|status| status.state.to_string());
            prop_assert_eq!(state, known);
        }
    }
}
