//! PostgreSQL or Kafka dies in the middle of a rush, without a word, and comes back.

use std::sync::Arc;

use jangbu_local::OwnServers;
use jangbu_tests::laws;
use jangbu_tests::load::Rush;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;

use super::alone::alone;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_answered_is_lost_when_postgres_is_killed() {
    let _alone = alone().await;
    let servers = OwnServers::start().await;
    let site = Site::of(&servers).await;
    let mall = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 4).await;

    for _ in 0..2 {
        servers.postgres.kill().await;
        servers
            .postgres
            .start_again()
            .await
            .expect("PostgreSQL recovers");
        rush.goes_on().await;
    }

    rush.end().await;
    laws::hold(&site, &shop).await;
    mall.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_go_on_and_nothing_is_missing_when_kafka_is_killed() {
    let _alone = alone().await;
    let servers = OwnServers::start().await;
    let site = Site::of(&servers).await;
    let mall = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 5).await;

    servers.kafka.kill().await;
    // Commands need no Kafka: they are answered while there is none.
    rush.goes_on().await;
    servers.kafka.start_again().await.expect("Kafka recovers");
    rush.goes_on().await;

    rush.end().await;
    laws::hold(&site, &shop).await;
    mall.ready().await;
}
