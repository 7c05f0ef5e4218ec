//! The rules of delivering an order, and of where it goes.

mod mall;

use event_schemas::order::{OrderAddressChanged, OrderDeliveryRetried};
use kernel::kit::given;
use mall::*;
use order::{Order, OrderCommand, OrderRejection, State};

fn failed() -> OrderCommand {
    OrderCommand::RecordDeliveryFailed {
        reason: note("nobody there"),
    }
}

#[test]
fn a_parcel_that_leaves_ships_the_order() {
    given::<Order>(until::confirmed())
        .when(OrderCommand::RecordShipped {})
        .then(shipped());
}

#[test]
fn only_an_order_that_waits_for_its_parcel_is_shipped() {
    for history in all_but(&[State::Confirmed, State::Cancelling]) {
        given::<Order>(history)
            .when(OrderCommand::RecordShipped {})
            .then_nothing();
    }
}

#[test]
fn a_parcel_that_arrives_completes_the_order() {
    given::<Order>(until::shipped())
        .when(OrderCommand::RecordDelivered {})
        .then(completed());
}

#[test]
fn a_parcel_that_arrived_has_left_even_if_nobody_heard_of_it() {
    given::<Order>(until::confirmed())
        .when(OrderCommand::RecordDelivered {})
        .then((shipped(), completed()));
}

#[test]
fn only_a_parcel_on_its_way_arrives() {
    for history in all_but(&[State::Confirmed, State::Cancelling, State::Shipped]) {
        given::<Order>(history)
            .when(OrderCommand::RecordDelivered {})
            .then_nothing();
    }
}

#[test]
fn a_parcel_that_does_not_arrive_is_a_failed_delivery() {
    for history in [until::confirmed(), until::shipped()] {
        given::<Order>(history)
            .when(failed())
            .then(delivery_failed());
    }
}

#[test]
fn only_a_parcel_on_its_way_fails() {
    for history in all_but(&[State::Confirmed, State::Cancelling, State::Shipped]) {
        given::<Order>(history).when(failed()).then_nothing();
    }
}

#[test]
fn a_failed_delivery_is_tried_again_where_it_went_before() {
    given::<Order>(until::delivery_failed())
        .when(OrderCommand::RetryDelivery { ship_to: None })
        .then(retried());
}

#[test]
fn a_failed_delivery_can_be_tried_somewhere_else() {
    let elsewhere = OrderDeliveryRetried {
        ship_to: home("2 Jongno"),
        ..retried()
    };
    given::<Order>(until::delivery_failed())
        .when(OrderCommand::RetryDelivery {
            ship_to: Some(home("2 Jongno")),
        })
        .then(elsewhere.clone());

    // And from then on it goes there.
    let history = until::then(
        until::delivery_failed(),
        [
            elsewhere.clone().into(),
            shipped().into(),
            delivery_failed().into(),
        ],
    );
    given::<Order>(history)
        .when(OrderCommand::RetryDelivery { ship_to: None })
        .then(elsewhere);
}

#[test]
fn an_order_that_is_delivered_again_is_confirmed_again() {
    let history = until::then(until::delivery_failed(), [retried().into()]);
    assert_eq!(
        given::<Order>(history.clone()).state().state(),
        Some(State::Confirmed)
    );
    given::<Order>(history)
        .when(OrderCommand::RecordShipped {})
        .then(shipped());
}

#[test]
fn only_a_failed_delivery_is_tried_again() {
    for history in all_but(&[State::DeliveryFailed]) {
        let order = given::<Order>(history);
        let state = order.state().state().unwrap();
        order
            .when(OrderCommand::RetryDelivery { ship_to: None })
            .then_refused(OrderRejection::DeliveryNotFailed { state });
    }
}

#[test]
fn until_it_is_confirmed_the_address_can_be_changed() {
    for history in [until::placed(), until::stock_secured()] {
        given::<Order>(history)
            .when(OrderCommand::ChangeAddress {
                ship_to: home("2 Jongno"),
            })
            .then(OrderAddressChanged {
                ship_to: home("2 Jongno"),
            });
    }
}

#[test]
fn an_address_that_is_so_already_says_nothing() {
    given::<Order>(placed())
        .when(OrderCommand::ChangeAddress { ship_to: jongno() })
        .then_nothing();

    let moved = OrderAddressChanged {
        ship_to: home("2 Jongno"),
    };
    given::<Order>((placed(), moved))
        .when(OrderCommand::ChangeAddress {
            ship_to: home("2 Jongno"),
        })
        .then_nothing();
}

#[test]
fn once_it_is_confirmed_the_address_is_fixed() {
    for history in all_but(&[State::Placed, State::StockSecured]) {
        let order = given::<Order>(history);
        let state = order.state().state().unwrap();
        order
            .when(OrderCommand::ChangeAddress {
                ship_to: home("2 Jongno"),
            })
            .then_refused(OrderRejection::AddressFixed { state });
    }
}
