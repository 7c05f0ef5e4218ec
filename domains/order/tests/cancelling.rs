//! The rules of cancelling an order, and its races with the parcel.

mod mall;

use event_schemas::order::{CancellationReason, OrderCancellationRequested, OrderCancelled};
use kernel::kit::given;
use mall::*;
use order::{Order, OrderCommand, OrderRejection, State};

fn cancel() -> OrderCommand {
    OrderCommand::Cancel {
        note: Some(note("too late")),
    }
}

fn delivery_cancelled() -> OrderCommand {
    OrderCommand::RecordDeliveryCancelled {}
}

fn delivery_refused() -> OrderCommand {
    OrderCommand::RecordDeliveryCancelRefused {}
}

fn by_customer() -> OrderCancelled {
    OrderCancelled {
        note: Some(note("too late")),
        ..cancelled(CancellationReason::Customer)
    }
}

fn by_delivery() -> OrderCancelled {
    OrderCancelled {
        was_confirmed: true,
        ..cancelled(CancellationReason::DeliveryCancelled)
    }
}

#[test]
fn before_it_is_confirmed_it_is_cancelled_at_once() {
    for history in [until::placed(), until::stock_secured()] {
        given::<Order>(history).when(cancel()).then(by_customer());
    }
}

#[test]
fn nobody_has_to_say_why() {
    given::<Order>(placed())
        .when(OrderCommand::Cancel { note: None })
        .then(cancelled(CancellationReason::Customer));
}

#[test]
fn once_it_is_confirmed_delivery_decides() {
    given::<Order>(until::confirmed())
        .when(cancel())
        .then(OrderCancellationRequested {
            note: Some(note("too late")),
        });
}

#[test]
fn what_has_left_the_shop_cannot_be_cancelled() {
    for history in [until::shipped(), until::completed()] {
        given::<Order>(history)
            .when(cancel())
            .then_refused(OrderRejection::AlreadyShipped {});
    }
}

#[test]
fn after_a_failed_delivery_it_is_cancelled_and_the_parcel_is_out() {
    given::<Order>(until::delivery_failed())
        .when(cancel())
        .then(OrderCancelled {
            was_confirmed: true,
            parcel_out: true,
            ..by_customer()
        });
}

#[test]
fn cancelling_twice_says_nothing() {
    for history in [until::cancelling(), until::cancelled()] {
        given::<Order>(history).when(cancel()).then_nothing();
    }
}

#[test]
fn delivery_that_agrees_cancels_the_order_in_the_customers_words() {
    given::<Order>(until::cancelling())
        .when(delivery_cancelled())
        .then(OrderCancelled {
            note: Some(note("too late")),
            ..by_delivery()
        });
}

#[test]
fn delivery_that_gives_up_cancels_the_order_in_every_state_but_completed_and_cancelled() {
    for (history, said) in [
        (
            until::placed(),
            OrderCancelled {
                was_confirmed: false,
                ..by_delivery()
            },
        ),
        (
            until::stock_secured(),
            OrderCancelled {
                was_confirmed: false,
                ..by_delivery()
            },
        ),
        (until::confirmed(), by_delivery()),
        (
            until::shipped(),
            OrderCancelled {
                parcel_out: true,
                ..by_delivery()
            },
        ),
        (
            until::delivery_failed(),
            OrderCancelled {
                parcel_out: true,
                ..by_delivery()
            },
        ),
    ] {
        given::<Order>(history)
            .when(delivery_cancelled())
            .then(said);
    }
    for history in [until::completed(), until::cancelled()] {
        given::<Order>(history)
            .when(delivery_cancelled())
            .then_nothing();
    }
}

#[test]
fn goods_that_left_once_are_out_though_they_were_to_be_sent_again() {
    let history = until::then(until::delivery_failed(), [retried().into()]);
    given::<Order>(history)
        .when(delivery_cancelled())
        .then(OrderCancelled {
            parcel_out: true,
            ..by_delivery()
        });
}

#[test]
fn delivery_that_refuses_lets_the_order_go_on() {
    let cancelling = given::<Order>(until::cancelling());
    cancelling
        .when(delivery_refused())
        .then(cancellation_refused());

    let history = until::then(until::cancelling(), [cancellation_refused().into()]);
    assert_eq!(
        given::<Order>(history).state().state(),
        Some(State::Confirmed)
    );
}

#[test]
fn what_the_customer_said_is_over_with_the_refusal() {
    let history = until::then(until::cancelling(), [cancellation_refused().into()]);
    given::<Order>(history)
        .when(delivery_cancelled())
        .then(by_delivery());
}

#[test]
fn the_parcels_news_ends_the_cancelling() {
    for (news, said, state) in [
        (
            OrderCommand::RecordShipped {},
            vec![shipped().into()],
            State::Shipped,
        ),
        (
            OrderCommand::RecordDelivered {},
            vec![shipped().into(), completed().into()],
            State::Completed,
        ),
        (
            OrderCommand::RecordDeliveryFailed {
                reason: note("nobody there"),
            },
            vec![delivery_failed().into()],
            State::DeliveryFailed,
        ),
    ] {
        given::<Order>(until::cancelling())
            .when(news)
            .then(said.clone());
        let history = [until::cancelling(), said].concat();
        assert_eq!(given::<Order>(history).state().state(), Some(state));
    }
}

#[test]
fn a_refusal_that_comes_later_is_recorded_and_changes_no_state() {
    let history = until::shipped_while_cancelling();
    given::<Order>(history.clone())
        .when(delivery_refused())
        .then(cancellation_refused());

    let history = until::then(history, [cancellation_refused().into()]);
    assert_eq!(
        given::<Order>(history).state().state(),
        Some(State::Shipped)
    );
}

#[test]
fn a_request_is_refused_once() {
    let refused = until::then(
        until::shipped_while_cancelling(),
        [cancellation_refused().into()],
    );
    given::<Order>(refused)
        .when(delivery_refused())
        .then_nothing();
}

#[test]
fn a_refusal_that_nobody_asked_for_says_nothing() {
    for history in all_but(&[State::Cancelling]) {
        given::<Order>(history)
            .when(delivery_refused())
            .then_nothing();
    }
}

/// The customer cancels, the parcel leaves and fails, the customer has it sent again and cancels again; only now the
/// first refusal arrives. It answers the first request: the second is still open, and delivery may well agree to it.
#[test]
fn an_old_refusal_does_not_answer_a_new_request() {
    let history = until::then(
        until::shipped_while_cancelling(),
        [
            delivery_failed().into(),
            retried().into(),
            cancellation_requested().into(),
        ],
    );
    given::<Order>(history.clone())
        .when(delivery_refused())
        .then(cancellation_refused());

    let once = until::then(history, [cancellation_refused().into()]);
    assert_eq!(
        given::<Order>(once.clone()).state().state(),
        Some(State::Cancelling)
    );

    let twice = until::then(once, [cancellation_refused().into()]);
    assert_eq!(
        given::<Order>(twice).state().state(),
        Some(State::Confirmed)
    );
}

#[test]
fn a_cancelled_order_ignores_late_news() {
    for news in [
        OrderCommand::RecordStockHeld { sku: tea() },
        OrderCommand::RecordStockShort { sku: tea() },
        OrderCommand::RecordPaymentCaptured {},
        OrderCommand::RecordPaymentDeclined {
            reason: note("no money"),
        },
        OrderCommand::RecordShipped {},
        OrderCommand::RecordDelivered {},
        OrderCommand::RecordDeliveryFailed {
            reason: note("nobody there"),
        },
        OrderCommand::RecordDeliveryCancelled {},
        OrderCommand::RecordDeliveryCancelRefused {},
        OrderCommand::Expire {},
    ] {
        given::<Order>(until::cancelled()).when(news).then_nothing();
    }
}
