//! Records on our topics that are not ours: they stop nobody, are kept, and are never acted upon. One that bears our
//! name and is not in the ledger stops the relay, which says so.

use std::collections::BTreeMap;
use std::time::Duration;

use jangbu_tests::broker::{Foreign, smuggle};
use jangbu_tests::laws;
use jangbu_tests::mall::{ALL_ROLES, Mall};
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::stored::Stored;
use jangbu_tests::wait::eventually;
use jangbu_tests::wish::{place, place_body, receive};
use uuid::Uuid;

const NOTICED_WITHIN: Duration = Duration::from_secs(30);
/// Of every topic, as the mall makes them.
const PARTITIONS: i32 = 12;

fn headers(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// An event as section 10 has it, that says to be this store's or another's.
fn pretended(source: &str, kind: &str, position: u64, previous: u64) -> Foreign {
    let order = Uuid::now_v7();
    let (id, position, previous) = (
        Uuid::now_v7().to_string(),
        position.to_string(),
        previous.to_string(),
    );
    Foreign {
        key: Some(order.to_string().into_bytes()),
        value: Some(place_body(&[("tea", 1)]).to_string().into_bytes()),
        headers: headers(&[
            ("content-type", "application/json"),
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_time", "2026-01-01T00:00:00.000000Z"),
            ("ce_source", source),
            ("ce_type", &format!("jangbu.order.{kind}.v1")),
            ("ce_subject", &format!("order/{order}")),
            (
                "ce_dataschema",
                &format!("urn:jangbu:schema:order:{kind}:1"),
            ),
            ("ce_sequence", "1"),
            ("ce_position", &position),
            ("ce_previous", &previous),
            ("ce_commandid", &id),
            ("ce_correlationid", &id),
            ("ce_actor", "stranger"),
        ]),
    }
}

/// What anybody may throw at a topic.
fn strangers() -> Vec<Foreign> {
    let text = |value: &str| Some(value.as_bytes().to_vec());
    let other = format!("/jangbu/mall/{}x", Uuid::now_v7());
    let elsewhere = format!("/jangbu/outlet/{}", Uuid::now_v7());
    vec![
        Foreign {
            key: None,
            value: text("not JSON"),
            ..Foreign::default()
        },
        Foreign {
            key: text("tea"),
            value: None,
            ..Foreign::default()
        },
        Foreign {
            key: None,
            value: None,
            ..Foreign::default()
        },
        Foreign {
            key: text("tea"),
            value: text("{}"),
            headers: headers(&[("ce_type", "jangbu.order.OrderPlaced.v1")]),
        },
        Foreign {
            value: text("{}"),
            headers: headers(&[("ce_source", "/somebody/else"), ("ce_position", "x")]),
            ..Foreign::default()
        },
        Foreign {
            value: Some(vec![0xff, 0xfe]),
            headers: BTreeMap::from([("ce_source".to_owned(), vec![0xff])]),
            ..Foreign::default()
        },
        pretended(&elsewhere, "OrderPlaced", 1, 0),
        pretended(&elsewhere, "OrderPlaced", u64::MAX, u64::MAX - 1),
        pretended(&elsewhere, "OrderVanished", 2, 1),
        pretended(&other, "OrderPlaced", 3, 2),
        pretended("", "OrderPlaced", 3, 2),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_strangers_stop_nobody_and_are_kept() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    for sku in ["tea", "cup"] {
        let _received = shop.ask(&receive(sku, 50)).await.must_be(201);
    }
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    let thrown = strangers();
    for aggregate in ["order", "stock", "command"] {
        for (partition, foreign) in (0..).zip(&thrown) {
            smuggle(
                site.brokers(),
                &site.topic(aggregate),
                partition % PARTITIONS,
                foreign.clone(),
            )
            .await;
        }
    }
    // Before, between and behind them, in every partition.
    for _ in 0..30 {
        let _placed = shop
            .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
            .await
            .must_be(201);
    }
    laws::hold(&site, &shop).await;
    // Whoever hears a topic keeps what it could not take: the order's policies hear stock, those of inventory hear orders.
    eventually("every stranger is kept", NOTICED_WITHIN, || async {
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters")
            .fetch_one(&mut site.sql().await)
            .await
            .expect("the dead letters");
        (kept == 2 * thrown.len() as i64)
            .then_some(())
            .ok_or(format!("{kept} are kept"))
    })
    .await;

    // The relay and the policies begin again among them.
    assert!(mall.stop().await.success());
    let mall = Mall::open(&site).await;
    shop.move_to([mall.url()]);
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    laws::hold(&site, &shop).await;
    let health = mall.get("/health/ready").await.expect("an answer").text;
    assert!(!health.contains("degraded"), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_forges_our_name_stops_the_relay_at_its_next_start_and_silences_nothing() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    for sku in ["tea", "cup"] {
        let _received = shop.ask(&receive(sku, 50)).await.must_be(201);
    }
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    let source = laws::hold(&site, &shop).await.source;
    let forge = async || {
        for partition in 0..PARTITIONS {
            let forged = pretended(&source, "OrderPlaced", 1_000_000, 0);
            smuggle(site.brokers(), &site.topic("order"), partition, forged).await;
        }
    };
    // Far beyond the head: whoever believed it would take all that follows for duplicates.
    forge().await;
    for _ in 0..20 {
        let _placed = shop
            .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
            .await
            .must_be(201);
    }
    let stored = laws::hold_but_for_the_log(&site, &shop).await;

    // What the relay has written over, it does not read again; what comes after its last record, it does.
    eventually(
        "the relay has nothing left to write",
        NOTICED_WITHIN,
        || async {
            let health = mall.get("/health/ready").await?.text;
            let caught_up = format!("leads at position {},", stored.events.len());
            health.contains(&caught_up).then_some(()).ok_or(health)
        },
    )
    .await;
    forge().await;
    assert!(mall.stop().await.success());
    let mall = Mall::open_with(&site, ALL_ROLES, "127.0.0.1:0").await;
    shop.move_to([mall.url()]);
    eventually(
        "the relay says that it stopped and what to do",
        NOTICED_WITHIN,
        || async {
            let health = mall.get("/health/ready").await?.text;
            let is_told = ["jangbu repair fork", "1000000", &site.topic("order")];
            is_told
                .iter()
                .all(|word| health.contains(word))
                .then_some(())
                .ok_or(health)
        },
    )
    .await;
    let metrics = mall.get("/metrics").await.expect("metrics").text;
    assert!(
        metrics
            .lines()
            .any(|line| line.starts_with("jangbu_relay_stopped") && line.ends_with(" 1")),
        "{metrics}"
    );

    site.must_run(&["repair", "fork", "--yes"]).await;
    drop(mall);
    let mall = Mall::open(&site).await;
    shop.move_to([mall.url()]);
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    laws::hold_but_for_the_log(&site, &shop).await;
    assert_ne!(
        Stored::read(&site).await.source,
        stored.source,
        "a new incarnation"
    );
}
