//! What becomes of an order, seen over HTTP.

use std::time::Duration;

use jangbu_tests::laws;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::wait::eventually;
use jangbu_tests::wish::{cancel, place, receive};
use serde_json::{Value, json};
use uuid::Uuid;

/// For policies to carry an order all the way.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// The order once it is in this state.
async fn once(shop: &Shop, order: Uuid, state: &str) -> Value {
    eventually(&format!("the order is {state}"), SETTLED_WITHIN, || async {
        let shown = shop
            .get_at(&format!("/views/order_status/{order}"), None)
            .await;
        let data = shown.body["data"].clone();
        if data["state"] == state {
            Ok(data)
        } else {
            Err(shown.body)
        }
    })
    .await
}

async fn level(shop: &Shop, sku: &str) -> Value {
    shop.get(&format!("/views/stock_levels/{sku}")).await.body["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_what_is_there_is_secured() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let order = Uuid::now_v7();
    for sku in ["tea", "cup"] {
        let _received = shop.ask(&receive(sku, 5)).await.must_be(201);
    }
    let placed = shop
        .ask(&place(order, &[("tea", 2), ("cup", 1)]))
        .await
        .must_be(201);
    assert_eq!(placed.events(), ["OrderPlaced"]);
    assert_eq!(
        placed.position,
        Some(placed.fact()),
        "the header says what the body says"
    );

    // Read your writes: the view as of the command, at the least.
    let shown = shop
        .get_at(&format!("/views/order_status/{order}"), placed.position)
        .await
        .must_be(200);
    assert!(shown.fact() >= placed.fact());
    assert_eq!(
        shown.body["data"]["total"],
        json!({ "amount": 3000, "currency": "KRW" })
    );

    let secured = once(&shop, order, "stock_secured").await;
    assert_eq!(secured["lines"][0]["stock"], "held");
    assert_eq!(secured["lines"][1]["stock"], "held");
    laws::quiet(&site).await;
    let stored = laws::hold(&site, &shop).await;
    assert_eq!(
        level(&shop, "tea").await,
        json!({ "on_hand": 5, "held": 2, "available": 3 })
    );

    // One correlation id from the POST to the last thing that came of it.
    let placing = stored
        .named("OrderPlaced")
        .next()
        .expect("placed")
        .read_metadata();
    let correlation = &placing.correlation_id;
    let page = shop
        .get(&format!("/events?correlation_id={correlation}"))
        .await
        .body;
    let told: Vec<_> = page["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| &event["type"])
        .collect();
    let count = |kind: &str| {
        told.iter()
            .filter(|told| ***told == format!("jangbu.{kind}.v1"))
            .count()
    };
    for (kind, expected) in [
        ("order.OrderPlaced", 1),
        ("stock.StockHeld", 2),
        ("order.OrderLineSecured", 2),
        ("order.OrderStockSecured", 1),
    ] {
        assert_eq!(count(kind), expected, "{kind} in {told:?}");
    }
    // And one trace: the second part of a traceparent.
    let trace = |of: &Option<String>| {
        of.as_deref()
            .and_then(|of| Some(of.split('-').nth(1)?.to_owned()))
    };
    let traces = stored
        .events
        .iter()
        .map(event_schemas::Envelope::read_metadata);
    let traces = traces.filter(|metadata| metadata.correlation_id == *correlation);
    assert!(
        traces
            .into_iter()
            .all(|metadata| trace(&metadata.traceparent) == trace(&placing.traceparent))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_one_short_line_is_cancelled_and_its_other_line_is_released() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let order = Uuid::now_v7();
    let _received = shop.ask(&receive("tea", 5)).await.must_be(201);
    let _received = shop.ask(&receive("cup", 1)).await.must_be(201);
    let _placed = shop
        .ask(&place(order, &[("tea", 2), ("cup", 3)]))
        .await
        .must_be(201);

    let cancelled = once(&shop, order, "cancelled").await;
    assert_eq!(cancelled["cancellation_reason"], "stock_short");
    let stock: Vec<_> = (0..2)
        .map(|line| &cancelled["lines"][line]["stock"])
        .collect();
    assert_eq!(stock, ["held", "short"]);
    laws::hold(&site, &shop).await;
    assert_eq!(
        level(&shop, "tea").await,
        json!({ "on_hand": 5, "held": 0, "available": 5 })
    );
    assert_eq!(
        level(&shop, "cup").await,
        json!({ "on_hand": 1, "held": 0, "available": 1 })
    );

    let page = shop
        .get("/events?aggregate=stock&aggregate_id=tea")
        .await
        .body;
    let kinds: Vec<_> = page["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| &event["type"])
        .collect();
    assert_eq!(
        kinds,
        [
            "jangbu.stock.StockReceived.v1",
            "jangbu.stock.StockHeld.v1",
            "jangbu.stock.StockReleased.v1"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secured_order_that_is_not_wanted_gives_its_stock_back() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let order = Uuid::now_v7();
    let _received = shop.ask(&receive("tea", 5)).await.must_be(201);
    let _placed = shop.ask(&place(order, &[("tea", 2)])).await.must_be(201);
    once(&shop, order, "stock_secured").await;

    let cancelled = shop.ask(&cancel(order)).await.must_be(201);
    assert_eq!(cancelled.events(), ["OrderCancelled"]);
    assert_eq!(
        once(&shop, order, "cancelled").await["cancellation_reason"],
        "customer"
    );
    laws::hold(&site, &shop).await;
    assert_eq!(
        level(&shop, "tea").await,
        json!({ "on_hand": 5, "held": 0, "available": 5 })
    );
}
