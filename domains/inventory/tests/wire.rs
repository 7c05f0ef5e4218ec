//! What of stock is seen outside: commands as callers write them, rejections as they read them.

use event_schemas::Quantity;
use inventory::{Stock, StockCommand, StockRejection};
use kernel::{Aggregate, Command};
use serde_json::{Value, json};

const ORDER: &str = "00000000-0000-0000-0000-000000000001";

fn read(command: Value) -> Result<StockCommand, serde_json::Error> {
    serde_json::from_value(command)
}

#[test]
fn each_command_is_read_and_written_under_its_name() {
    for (name, body) in [
        ("receive", json!({ "quantity": 2 })),
        ("hold", json!({ "order": ORDER, "quantity": 2 })),
        ("release", json!({ "order": ORDER })),
        ("dispatch", json!({ "order": ORDER })),
        ("take-back", json!({ "order": ORDER, "quantity": 2 })),
    ] {
        let wire = json!({ name: body });
        let command = read(wire.clone()).unwrap();
        assert_eq!(command.name(), name);
        assert_eq!(serde_json::to_value(&command).unwrap(), wire);
    }
}

#[test]
fn an_unknown_field_is_named() {
    let refused = read(json!({ "receive": { "quantity": 2, "colour": "red" } })).unwrap_err();
    assert!(
        refused.to_string().contains("unknown field `colour`"),
        "{refused}"
    );
}

#[test]
fn an_absurd_quantity_is_told_what_is_allowed() {
    for absurd in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("2"),
        json!(9_007_199_254_740_992_u64),
    ] {
        let refused = read(json!({ "receive": { "quantity": absurd } }))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("a whole number from 1 to 9007199254740991"),
            "{refused}"
        );
    }
}

#[test]
fn an_overflow_reads_as_a_problem() {
    let overflow = StockRejection::StockOverflow {
        on_hand: 9_007_199_254_740_990,
        quantity: Quantity::new(5).unwrap(),
    };
    assert_eq!(
        serde_json::to_value(&overflow).unwrap(),
        json!({ "type": "stock_overflow", "on_hand": 9_007_199_254_740_990_u64, "quantity": 5 })
    );
    assert_eq!(
        overflow.to_string(),
        "9007199254740990 are on hand, so at most 1 more fit: receive fewer than 5"
    );
}

#[test]
fn taking_back_is_for_policies() {
    assert_eq!(Stock::FOR_POLICIES, ["take-back"]);
}
