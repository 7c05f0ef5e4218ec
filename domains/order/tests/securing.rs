//! The rules of securing an order: its stock, its payment, its time.

mod mall;

use event_schemas::order::{
    CancellationReason, OrderCancelled, OrderConfirmed, OrderPlaced, OrderStockSecured,
};
use kernel::kit::given;
use mall::*;
use order::{Order, OrderCommand, State};

fn held(sku: event_schemas::Sku) -> OrderCommand {
    OrderCommand::RecordStockHeld { sku }
}

#[test]
fn a_line_whose_stock_is_held_is_secured() {
    given::<Order>(placed())
        .when(held(tea()))
        .then(line_secured(tea()));
}

#[test]
fn the_last_line_secures_the_order() {
    given::<Order>((placed(), line_secured(tea())))
        .when(held(cup()))
        .then((line_secured(cup()), stock_secured()));
}

#[test]
fn an_order_of_one_line_is_secured_by_it() {
    let one = line("tea", 2, 1_000);
    let placed = OrderPlaced {
        lines: vec![one.into()],
        total: won(2_000),
        ..placed()
    };
    given::<Order>(placed).when(held(tea())).then((
        line_secured(tea()),
        OrderStockSecured {
            total: won(2_000),
            ..stock_secured()
        },
    ));
}

#[test]
fn an_order_that_costs_nothing_is_secured_and_confirmed_at_once() {
    let gift = vec![line("tea", 2, 0).into()];
    let placed = OrderPlaced {
        lines: gift.clone(),
        total: won(0),
        ..placed()
    };
    given::<Order>(placed).when(held(tea())).then((
        line_secured(tea()),
        OrderStockSecured {
            total: won(0),
            ..stock_secured()
        },
        OrderConfirmed {
            lines: gift,
            total: won(0),
            ..confirmed()
        },
    ));
}

#[test]
fn a_line_is_secured_once() {
    given::<Order>((placed(), line_secured(tea())))
        .when(held(tea()))
        .then_nothing();
}

#[test]
fn stock_held_for_what_is_not_in_the_order_says_nothing() {
    given::<Order>(placed())
        .when(held(sku("hat")))
        .then_nothing();
}

#[test]
fn one_line_that_is_short_cancels_the_order() {
    given::<Order>((placed(), line_secured(tea())))
        .when(OrderCommand::RecordStockShort { sku: cup() })
        .then(cancelled(CancellationReason::StockShort));
}

#[test]
fn stock_short_for_what_is_not_in_the_order_says_nothing() {
    given::<Order>(placed())
        .when(OrderCommand::RecordStockShort { sku: sku("hat") })
        .then_nothing();
}

#[test]
fn stock_counts_only_while_the_order_waits_for_it() {
    for history in all_but(&[State::Placed]) {
        given::<Order>(history.clone())
            .when(held(tea()))
            .then_nothing();
        given::<Order>(history)
            .when(OrderCommand::RecordStockShort { sku: tea() })
            .then_nothing();
    }
}

#[test]
fn a_payment_confirms_an_order_whose_stock_is_secured() {
    given::<Order>(until::stock_secured())
        .when(OrderCommand::RecordPaymentCaptured {})
        .then(confirmed());
}

#[test]
fn a_confirmed_order_goes_where_it_was_last_said() {
    let moved = event_schemas::order::OrderAddressChanged {
        ship_to: home("2 Jongno"),
    };
    given::<Order>(until::then(until::stock_secured(), [moved.into()]))
        .when(OrderCommand::RecordPaymentCaptured {})
        .then(OrderConfirmed {
            ship_to: home("2 Jongno"),
            ..confirmed()
        });
}

#[test]
fn a_payment_that_is_declined_cancels_the_order() {
    given::<Order>(until::stock_secured())
        .when(OrderCommand::RecordPaymentDeclined {
            reason: note("no money"),
        })
        .then(OrderCancelled {
            note: Some(note("no money")),
            ..cancelled(CancellationReason::PaymentDeclined)
        });
}

#[test]
fn a_payment_counts_only_while_the_order_waits_for_it() {
    for history in all_but(&[State::StockSecured]) {
        given::<Order>(history.clone())
            .when(OrderCommand::RecordPaymentCaptured {})
            .then_nothing();
        given::<Order>(history)
            .when(OrderCommand::RecordPaymentDeclined {
                reason: note("no money"),
            })
            .then_nothing();
    }
}

#[test]
fn an_order_that_is_not_confirmed_in_time_is_cancelled() {
    for history in [until::placed(), until::stock_secured()] {
        given::<Order>(history)
            .when(OrderCommand::Expire {})
            .then(cancelled(CancellationReason::Expired));
    }
}

#[test]
fn an_order_that_was_confirmed_does_not_expire() {
    for history in all_but(&[State::Placed, State::StockSecured]) {
        given::<Order>(history)
            .when(OrderCommand::Expire {})
            .then_nothing();
    }
}
