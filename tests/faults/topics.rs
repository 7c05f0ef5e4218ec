//! Kafka forgets: a topic is wiped, a partition is emptied by retention.

use std::sync::Arc;
use std::time::Duration;

use jangbu_tests::load::Rush;
use jangbu_tests::mall::{ALL_ROLES, Mall};
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::wait::eventually;
use jangbu_tests::wish::{place, receive};
use jangbu_tests::{broker, laws};
use uuid::Uuid;

use super::alone::alone;

/// For the relay to notice what it looks at every second.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_topic_stops_the_relay_visibly_and_is_refilled_by_the_command_it_names() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 6).await;
    rush.end().await;
    laws::hold(&site, &shop).await;

    assert!(mall.stop().await.success());
    broker::wipe(site.brokers(), &site.topic("order")).await;
    let mall = Mall::open_with(&site, ALL_ROLES, "127.0.0.1:0").await;
    shop.move_to([mall.url()]);
    eventually(
        "the relay says that it stopped and what to do",
        NOTICED_WITHIN,
        || async {
            let health = mall.get("/health/ready").await?.text;
            match health.contains("jangbu repair kafka") && health.contains(&site.topic("order")) {
                true => Ok(()),
                false => Err(health),
            }
        },
    )
    .await;
    // Commands do not wait for the log.
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);

    site.must_run(&["repair", "kafka"]).await;
    laws::hold(&site, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_wiped_under_a_running_mall_is_refilled_too() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 7).await;
    laws::everything_is_in_the_log(&site).await;
    broker::wipe(site.brokers(), &site.topic("stock")).await;
    rush.goes_on().await;
    rush.end().await;

    eventually(
        "the relay says that it stopped and what to do",
        NOTICED_WITHIN,
        || async {
            let health = mall.get("/health/ready").await?.text;
            health
                .contains("jangbu repair kafka")
                .then_some(())
                .ok_or(health)
        },
    )
    .await;
    site.must_run(&["repair", "kafka"]).await;
    laws::hold(&site, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_act_on_what_retention_took_before_they_read_it() {
    let _alone = alone().await;
    let site = Site::shared().await;
    // Once with everything, so that the policies have begun and know where they are.
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    for sku in ["tea", "cup"] {
        let _received = shop.ask(&receive(sku, 20)).await.must_be(201);
    }
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    laws::hold(&site, &shop).await;
    assert!(mall.stop().await.success());

    let mall = Mall::open_with(&site, "http,relay,views", "127.0.0.1:0").await;
    shop.move_to([mall.url()]);
    for _ in 0..20 {
        let _placed = shop
            .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 2)]))
            .await
            .must_be(201);
    }
    laws::everything_is_in_the_log(&site).await;
    assert!(broker::empty(site.brokers(), &site.topic("order")).await > 20);
    assert!(broker::empty(site.brokers(), &site.topic("stock")).await > 2);
    assert!(mall.stop().await.success());

    // Nothing new comes that could show the gap.
    let mall = Mall::open(&site).await;
    shop.move_to([mall.url()]);
    laws::hold_but_for_the_log(&site, &shop).await;
    // And with something new behind the gap.
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]))
        .await
        .must_be(201);
    laws::hold_but_for_the_log(&site, &shop).await;
}
