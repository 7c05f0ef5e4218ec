//! The rules of placing an order.

mod mall;

use event_schemas::order::OrderPlaced;
use event_schemas::{Currency, Money, Quantity};
use kernel::kit::given;
use mall::*;
use order::{Line, MAX_LINES, MAX_QUANTITY, Order, OrderCommand, OrderRejection};

#[test]
fn an_order_says_who_what_how_much_and_where_to() {
    given::<Order>(()).when(place(tea_and_cup())).then(placed());
}

#[test]
fn an_order_has_at_least_one_line() {
    given::<Order>(())
        .when(place(vec![]))
        .then_refused(OrderRejection::NoLines {});
}

#[test]
fn an_order_has_at_most_a_hundred_lines() {
    let lines = |count: usize| {
        (0..count)
            .map(|n| line(&format!("sku-{n}"), 1, 1))
            .collect()
    };
    given::<Order>(())
        .when(place(lines(MAX_LINES + 1)))
        .then_refused(OrderRejection::TooManyLines { lines: 101 });

    let hundred = lines(MAX_LINES);
    given::<Order>(())
        .when(place(hundred.clone()))
        .then(OrderPlaced {
            lines: hundred.into_iter().map(Into::into).collect(),
            total: won(100),
            ..placed()
        });
}

#[test]
fn no_sku_stands_in_two_lines() {
    given::<Order>(())
        .when(place(vec![
            line("tea", 1, 1),
            line("cup", 1, 1),
            line("tea", 2, 1),
        ]))
        .then_refused(OrderRejection::SkuTwice { sku: tea() });
}

#[test]
fn a_line_is_for_at_most_999_pieces() {
    given::<Order>(())
        .when(place(vec![line("tea", MAX_QUANTITY + 1, 1)]))
        .then_refused(OrderRejection::QuantityTooLarge {
            sku: tea(),
            quantity: Quantity::new(1_000).unwrap(),
        });

    let most = line("tea", MAX_QUANTITY, 1);
    given::<Order>(())
        .when(place(vec![most.clone()]))
        .then(OrderPlaced {
            lines: vec![most.into()],
            total: won(999),
            ..placed()
        });
}

#[test]
fn all_prices_are_in_one_currency() {
    let euro: Currency = "EUR".parse().unwrap();
    let in_euro = Line {
        unit_price: Money::new(1, euro).unwrap(),
        ..line("cup", 1, 1)
    };
    given::<Order>(())
        .when(place(vec![line("tea", 1, 1), in_euro]))
        .then_refused(OrderRejection::CurrenciesDiffer {
            first: Currency::KRW,
            other: euro,
        });
}

#[test]
fn no_price_is_below_zero() {
    given::<Order>(())
        .when(place(vec![line("tea", 1, 2), line("cup", 1, -1)]))
        .then_refused(OrderRejection::PriceNegative {
            sku: cup(),
            unit_price: won(-1),
        });
}

#[test]
fn the_total_stays_below_two_to_the_53rd() {
    let most = (1 << 53) - 1;
    given::<Order>(())
        .when(place(vec![line("tea", 1, most), line("cup", 1, 1)]))
        .then_refused(OrderRejection::TotalTooLarge {});
    given::<Order>(())
        .when(place(vec![line("tea", 2, most)]))
        .then_refused(OrderRejection::TotalTooLarge {});

    let dear = line("tea", 1, most);
    given::<Order>(())
        .when(place(vec![dear.clone()]))
        .then(OrderPlaced {
            lines: vec![dear.into()],
            total: won(most),
            ..placed()
        });
}

#[test]
fn the_same_order_placed_twice_says_nothing() {
    for history in until::each_state() {
        given::<Order>(history)
            .when(place(tea_and_cup()))
            .then_nothing();
    }
}

#[test]
fn another_order_under_the_same_id_is_refused() {
    for other in [
        place(vec![line("tea", 1, 1_000)]),
        OrderCommand::Place {
            customer: BEN,
            lines: tea_and_cup(),
            ship_to: jongno(),
        },
        OrderCommand::Place {
            customer: ANNE,
            lines: tea_and_cup(),
            ship_to: home("2 Jongno"),
        },
    ] {
        given::<Order>(placed())
            .when(other)
            .then_refused(OrderRejection::OrderAlreadyPlaced {});
    }
}

#[test]
fn a_person_who_asks_for_an_order_that_nobody_placed_is_told() {
    for command in [
        OrderCommand::Cancel { note: None },
        OrderCommand::ChangeAddress { ship_to: jongno() },
        OrderCommand::RetryDelivery { ship_to: None },
    ] {
        given::<Order>(())
            .when(command)
            .then_refused(OrderRejection::OrderUnknown {});
    }
}

#[test]
fn news_of_an_order_that_nobody_placed_says_nothing() {
    for command in [
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
        given::<Order>(()).when(command).then_nothing();
    }
}
