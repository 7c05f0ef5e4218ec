//! What of an order is seen outside: commands as callers write them, rejections as they read them.

mod mall;

use event_schemas::{Currency, Quantity, personal};
use kernel::{Aggregate, Command};
use mall::*;
use order::{Order, OrderCommand, OrderRejection, State};
use serde_json::{Value, json};

fn read(command: Value) -> Result<OrderCommand, serde_json::Error> {
    serde_json::from_value(command)
}

fn anne_in_jongno() -> Value {
    json!({
        "recipient": "Anne", "street": "1 Jongno", "city": "Seoul", "postcode": "03154", "country": "KR",
    })
}

fn place_body() -> Value {
    json!({
        "customer": "00000000-0000-0000-0000-000000000001",
        "lines": [
            { "sku": "tea", "quantity": 2, "unit_price": { "amount": 1000, "currency": "KRW" } },
            { "sku": "cup", "quantity": 1, "unit_price": { "amount": 5000, "currency": "KRW" } },
        ],
        "ship_to": anne_in_jongno(),
    })
}

#[test]
fn each_command_is_read_and_written_under_its_name() {
    for (name, body) in [
        ("place", place_body()),
        ("cancel", json!({ "note": "too late" })),
        ("cancel", json!({})),
        ("change-address", json!({ "ship_to": anne_in_jongno() })),
        ("retry-delivery", json!({ "ship_to": anne_in_jongno() })),
        ("retry-delivery", json!({})),
        ("record-stock-held", json!({ "sku": "tea" })),
        ("record-stock-short", json!({ "sku": "tea" })),
        ("record-payment-captured", json!({})),
        ("record-payment-declined", json!({ "reason": "no money" })),
        ("record-shipped", json!({})),
        ("record-delivered", json!({})),
        (
            "record-delivery-failed",
            json!({ "reason": "nobody there" }),
        ),
        ("record-delivery-cancelled", json!({})),
        ("record-delivery-cancel-refused", json!({})),
        ("expire", json!({})),
    ] {
        let wire = json!({ name: body });
        let command = read(wire.clone()).unwrap();
        assert_eq!(command.name(), name);
        assert_eq!(serde_json::to_value(&command).unwrap(), wire);
        let is_a_persons = ["place", "cancel", "change-address", "retry-delivery"].contains(&name);
        assert_eq!(Order::FOR_POLICIES.contains(&name), !is_a_persons, "{name}");
    }
    assert_eq!(
        read(json!({ "place": place_body() })).unwrap(),
        place(tea_and_cup())
    );
}

#[test]
fn an_unknown_field_is_named_however_deep_it_stands() {
    let with = |pointer: &str| {
        let mut body = place_body();
        let at = body
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .unwrap();
        at.insert("colour".into(), json!("red"));
        read(json!({ "place": body })).unwrap_err().to_string()
    };
    for pointer in ["", "/lines/0", "/lines/0/unit_price", "/ship_to"] {
        let refused = with(pointer);
        assert!(
            refused.contains("unknown field `colour`"),
            "{pointer}: {refused}"
        );
    }
    let refused = read(json!({ "expire": { "colour": "red" } }))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("unknown field `colour`"), "{refused}");
}

#[test]
fn words_are_bounded() {
    let long = "x".repeat(501);
    for command in [
        json!({ "cancel": { "note": long } }),
        json!({ "record-payment-declined": { "reason": long } }),
        json!({ "record-delivery-failed": { "reason": long } }),
        json!({ "cancel": { "note": "a\u{0}b" } }),
    ] {
        assert!(read(command.clone()).is_err(), "{command}");
    }
}

#[test]
fn a_commands_digest_says_nothing_of_where_somebody_lives() {
    let here = serde_json::to_string(&place(tea_and_cup())).unwrap();
    assert!(here.contains("Jongno"));
    let digested = personal::without(|| serde_json::to_string(&place(tea_and_cup())).unwrap());
    assert!(
        digested.contains(r#""ship_to":null"#) && !digested.contains("Jongno"),
        "{digested}"
    );
}

#[test]
fn rejections_read_as_problems() {
    for (rejection, fields, detail) in [
        (
            OrderRejection::OrderUnknown {},
            json!({ "type": "order_unknown" }),
            "no order was placed under this id: place it first, or check the id",
        ),
        (
            OrderRejection::OrderAlreadyPlaced {},
            json!({ "type": "order_already_placed" }),
            "another order was placed under this id: choose a new id for this one",
        ),
        (
            OrderRejection::NoLines {},
            json!({ "type": "no_lines" }),
            "the order has no lines: give at least one",
        ),
        (
            OrderRejection::TooManyLines { lines: 101 },
            json!({ "type": "too_many_lines", "lines": 101 }),
            "the order has 101 lines: split it into orders of at most 100",
        ),
        (
            OrderRejection::SkuTwice { sku: tea() },
            json!({ "type": "sku_twice", "sku": "tea" }),
            "tea stands in two lines: add their quantities up in one",
        ),
        (
            OrderRejection::QuantityTooLarge {
                sku: tea(),
                quantity: Quantity::new(1_000).unwrap(),
            },
            json!({ "type": "quantity_too_large", "sku": "tea", "quantity": 1000 }),
            "1000 of tea are too many for one order: ask for 1 to 999",
        ),
        (
            OrderRejection::PriceNegative {
                sku: tea(),
                unit_price: won(-1),
            },
            json!({
                "type": "price_negative", "sku": "tea", "unit_price": { "amount": -1, "currency": "KRW" },
            }),
            "tea has the price -1 KRW: give a price of zero or more",
        ),
        (
            OrderRejection::CurrenciesDiffer {
                first: Currency::KRW,
                other: "EUR".parse().unwrap(),
            },
            json!({ "type": "currencies_differ", "first": "KRW", "other": "EUR" }),
            "prices are in KRW and EUR: give all of them in one currency",
        ),
        (
            OrderRejection::TotalTooLarge {},
            json!({ "type": "total_too_large" }),
            "the order's total is 2^53 minor units or more: order less, or in several orders",
        ),
        (
            OrderRejection::AlreadyShipped {},
            json!({ "type": "already_shipped" }),
            "the order has left the shop: send it back when it has arrived, it cannot be cancelled",
        ),
        (
            OrderRejection::AddressFixed {
                state: State::Confirmed,
            },
            json!({ "type": "address_fixed", "state": "confirmed" }),
            "the order is confirmed: its address could be changed until it was confirmed",
        ),
        (
            OrderRejection::DeliveryNotFailed {
                state: State::StockSecured,
            },
            json!({ "type": "delivery_not_failed", "state": "stock_secured" }),
            "the order is stock_secured: a delivery can be tried again only after it failed",
        ),
    ] {
        assert_eq!(serde_json::to_value(&rejection).unwrap(), fields);
        assert_eq!(rejection.to_string(), detail);
    }
}
