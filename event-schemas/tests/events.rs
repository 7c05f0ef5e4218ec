//! What is said, as it stands in the store and on the wire.

use event_schemas::order::{OrderCancellationRefused, OrderLine, OrderPlaced};
use event_schemas::stock::StockShort;
use event_schemas::{
    Address, AddressLine, CommandEvent, Currency, CustomerId, DecodeError, EventList, Money,
    OrderEvent, OrderId, Personal, Quantity, Sku, StockEvent,
};
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use uuid::Uuid;

fn names<L: EventList>() -> Vec<(&'static str, u32)> {
    L::EVENTS
        .iter()
        .map(|kind| (kind.name, kind.version))
        .collect()
}

fn placed() -> OrderPlaced {
    let line = |text: &str| AddressLine::new(text).expect("a test lives somewhere");
    let price = Money::new(1_000, Currency::KRW).expect("tea can be paid");
    OrderPlaced {
        customer: CustomerId::new(Uuid::from_u128(1)),
        lines: vec![OrderLine {
            sku: Sku::new("tea").expect("tea is a SKU"),
            quantity: Quantity::ONE,
            unit_price: price,
        }],
        total: price,
        ship_to: Personal::Open(Address {
            recipient: line("Anne"),
            street: line("1 Jongno"),
            city: line("Seoul"),
            postcode: line("03154"),
            country: "KR".parse().expect("a country"),
        }),
        catalogue_position: None,
    }
}

fn placed_json() -> Value {
    json!({
        "customer": "00000000-0000-0000-0000-000000000001",
        "lines": [
            { "sku": "tea", "quantity": 1, "unit_price": { "amount": 1000, "currency": "KRW" } },
        ],
        "total": { "amount": 1000, "currency": "KRW" },
        "ship_to": {
            "recipient": "Anne", "street": "1 Jongno", "city": "Seoul", "postcode": "03154", "country": "KR",
        },
    })
}

#[test]
fn the_lists_are_those_of_the_event_storming() {
    assert_eq!(StockEvent::AGGREGATE, "stock");
    assert_eq!(
        names::<StockEvent>(),
        [
            ("StockReceived", 1),
            ("StockHeld", 1),
            ("StockShort", 1),
            ("StockReleased", 1),
            ("StockDispatched", 1),
            ("StockReturned", 1),
        ]
    );
    assert_eq!(OrderEvent::AGGREGATE, "order");
    assert_eq!(
        names::<OrderEvent>(),
        [
            ("OrderPlaced", 1),
            ("OrderLineSecured", 1),
            ("OrderStockSecured", 1),
            ("OrderConfirmed", 1),
            ("OrderAddressChanged", 1),
            ("OrderCancellationRequested", 1),
            ("OrderCancellationRefused", 1),
            ("OrderShipped", 1),
            ("OrderDeliveryFailed", 1),
            ("OrderDeliveryRetried", 1),
            ("OrderCancelled", 1),
            ("OrderCompleted", 1),
        ]
    );
    assert_eq!(CommandEvent::AGGREGATE, "command");
    assert_eq!(
        names::<CommandEvent>(),
        [("CommandChangedNothing", 1), ("CommandRefused", 1)]
    );
}

#[test]
fn a_payload_is_the_events_own_object_with_no_wrapper_around_it() {
    let payload = OrderEvent::from(placed()).to_payload().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&payload).unwrap(),
        placed_json()
    );

    let nothing_to_add = OrderEvent::from(OrderCancellationRefused {})
        .to_payload()
        .unwrap();
    assert_eq!(nothing_to_add, b"{}");

    let short = StockShort {
        order: OrderId::new(Uuid::from_u128(1)),
        asked: Quantity::ONE,
        available: 0,
    };
    let short = StockEvent::from(short).to_payload().unwrap();
    let wire = br#"{"order":"00000000-0000-0000-0000-000000000001","asked":1,"available":0}"#;
    assert_eq!(short, wire);
}

#[test]
fn what_was_written_is_read_again() {
    let payload = serde_json::to_vec(&placed_json()).unwrap();
    let read = OrderEvent::from_payload("OrderPlaced", "1", &payload).unwrap();
    assert_eq!(read, OrderEvent::from(placed()));
}

#[test]
fn a_newer_writers_fields_are_passed_over_however_deep_they_stand() {
    let mut newer = placed_json();
    for pointer in ["", "/lines/0", "/total", "/ship_to"] {
        let object = newer
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .unwrap();
        object.insert("newer".into(), json!({ "deep": [1] }));
    }
    let payload = serde_json::to_vec(&newer).unwrap();
    let read = OrderEvent::from_payload("OrderPlaced", "1", &payload).unwrap();
    assert_eq!(read, OrderEvent::from(placed()));
}

#[test]
fn what_a_newer_binary_said_is_unknown_and_what_is_broken_is_malformed() {
    let read = |name, version, payload: &[u8]| StockEvent::from_payload(name, version, payload);
    let sung = read("StockSung", "1", b"{}").unwrap_err();
    assert!(matches!(sung, DecodeError::UnknownEvent { .. }) && sung.is_unknown());
    for version in ["2", "1.0", "", "x"] {
        let newer = read("StockReceived", version, br#"{"quantity":1}"#).unwrap_err();
        assert!(matches!(newer, DecodeError::UnknownVersion { .. }) && newer.is_unknown());
    }
    let broken = read("StockReceived", "1", br#"{"quantity":0}"#).unwrap_err();
    assert!(matches!(broken, DecodeError::Malformed { .. }) && !broken.is_unknown());
}

#[test]
fn an_event_forgotten_or_sealed_can_still_be_read() {
    for (form, ship_to) in [
        (json!({ "forgotten": true }), Personal::Forgotten),
        (json!({ "sealed": "b64" }), Personal::Sealed("b64".into())),
    ] {
        let mut payload = placed_json();
        payload["ship_to"] = form;
        let payload = serde_json::to_vec(&payload).unwrap();
        let read = OrderEvent::from_payload("OrderPlaced", "1", &payload).unwrap();
        assert_eq!(
            read,
            OrderEvent::from(OrderPlaced {
                ship_to,
                ..placed()
            })
        );
    }
}

#[test]
fn every_event_has_a_schema_and_personal_fields_are_marked_in_it() {
    let mut generator = SchemaGenerator::default();
    let kinds = OrderEvent::schemas(&mut generator);
    assert_eq!(kinds.len(), OrderEvent::EVENTS.len());
    let definitions = generator.take_definitions(false);
    for kind in OrderEvent::EVENTS {
        assert!(
            definitions.contains_key(kind.name),
            "{} has no schema",
            kind.name
        );
    }
    let ship_to = &definitions["OrderPlaced"]["properties"]["ship_to"]["$ref"];
    assert_eq!(ship_to, "#/$defs/PersonalAddress", "{ship_to}");
    assert_eq!(definitions["PersonalAddress"]["x-personal"], json!(true));
}
