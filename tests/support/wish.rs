//! What people ask of the mall, with the id that makes it safe to ask again.

use serde_json::{Value, json};
use uuid::Uuid;

/// One command on its way, to be sent as often as it takes.
#[derive(Clone, Debug)]
pub struct Wish {
    /// `order`
    pub aggregate: &'static str,
    /// The aggregate's id.
    pub id: String,
    /// `place`
    pub command: &'static str,
    /// The JSON body.
    pub body: Value,
    /// The command's id.
    pub key: Uuid,
    /// Who asks.
    pub actor: String,
    /// The version the aggregate must stand at.
    pub expected_version: Option<u64>,
}

impl Wish {
    /// A wish of somebody, under an id of its own.
    #[must_use]
    pub fn new(
        aggregate: &'static str,
        id: impl ToString,
        command: &'static str,
        body: Value,
    ) -> Self {
        Self {
            aggregate,
            id: id.to_string(),
            command,
            body,
            key: Uuid::now_v7(),
            actor: "tester".to_owned(),
            expected_version: None,
        }
    }

    /// The same, of somebody else.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        actor.clone_into(&mut self.actor);
        self
    }

    /// The same, for an aggregate that stands at this version.
    #[must_use]
    pub fn at_version(mut self, version: u64) -> Self {
        self.expected_version = Some(version);
        self
    }
}

/// Goods come in.
#[must_use]
pub fn receive(sku: &str, quantity: u64) -> Wish {
    Wish::new("stock", sku, "receive", json!({ "quantity": quantity }))
}

/// Stock is set aside by hand.
#[must_use]
pub fn hold(sku: &str, order: Uuid, quantity: u64) -> Wish {
    Wish::new(
        "stock",
        sku,
        "hold",
        json!({ "order": order, "quantity": quantity }),
    )
}

/// What is set aside is given up by hand.
#[must_use]
pub fn release(sku: &str, order: Uuid) -> Wish {
    Wish::new("stock", sku, "release", json!({ "order": order }))
}

/// Goods leave by hand.
#[must_use]
pub fn dispatch(sku: &str, order: Uuid) -> Wish {
    Wish::new("stock", sku, "dispatch", json!({ "order": order }))
}

/// Somebody orders so many of these SKUs.
#[must_use]
pub fn place(order: Uuid, lines: &[(&str, u64)]) -> Wish {
    Wish::new("order", order, "place", place_body(lines))
}

/// Somebody does not want it any more.
#[must_use]
pub fn cancel(order: Uuid) -> Wish {
    Wish::new(
        "order",
        order,
        "cancel",
        json!({ "note": "changed my mind" }),
    )
}

/// The body of `place`.
#[must_use]
pub fn place_body(lines: &[(&str, u64)]) -> Value {
    let lines: Vec<_> = lines
        .iter()
        .map(|(sku, quantity)| {
            json!({ "sku": sku, "quantity": quantity, "unit_price": { "amount": 1000, "currency": "KRW" } })
        })
        .collect();
    json!({ "customer": Uuid::from_u128(1), "lines": lines, "ship_to": address() })
}

/// Where it goes.
#[must_use]
pub fn address() -> Value {
    json!({
        "recipient": "Anne", "street": "1 Jongno", "city": "Seoul", "postcode": "03154", "country": "KR",
    })
}
