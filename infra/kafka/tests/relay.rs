//! The relay over a real Kafka: what a reader that knows only the headers makes of it, whatever happens.

mod support;
mod world;

use std::time::Duration;

use jangbu_local::OwnServers;
use jangbu_runtime::conformance::log::LogBench;
use jangbu_runtime::ports::Log;
use jangbu_runtime::relay::repair;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio::time::Instant;

use world::{WITHIN, World};

#[tokio::test(flavor = "multi_thread")]
async fn undisturbed_every_event_is_there_once() {
    let (world, _bench) = World::shared().await;
    world.append(200, 50).await;
    let relay = world.relay();
    world.relayed().await;
    world.append(200, 5).await;
    world.relayed().await;
    assert_eq!(world.assert_complete().await, 0, "nothing twice");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing() {
    let (world, _bench) = World::shared().await;
    world.append(100, 10).await;
    for round in 0..8 {
        let relay = world.relay();
        world.append(100, 40).await;
        tokio::time::sleep(Duration::from_millis(150 + 40 * round)).await;
        relay.kill().await;
    }
    let relay = world.relay();
    world.relayed().await;
    world.assert_complete().await;
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_emptied_by_hand_does_not_hold_it_up_or_begin_anew() {
    let (world, bench) = World::shared().await;
    world.append(100, 10).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let places: Vec<_> = world.places().into_iter().map(|(at, _)| at).collect();
    let ends = world.log.edges(&places).await.expect("edges");
    for (at, edges) in places.iter().zip(&ends) {
        bench.delete_before(at, edges.high).await;
    }
    world.append(100, 1).await;
    let relay = world.relay();
    world.relayed().await;
    let now = world.log.edges(&places).await.expect("edges");
    let added: i64 = now
        .iter()
        .zip(&ends)
        .map(|(now, then)| now.high - then.high)
        .sum();
    assert_eq!(added, 100, "only what is new was published");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_topic_stops_it_until_it_is_refilled() {
    let (world, _bench) = World::shared().await;
    world.append(100, 10).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;

    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &world.brokers)
        .create()
        .expect("an admin");
    let topic = world.places()[0].0.topic.to_string();
    let options = AdminOptions::new().operation_timeout(Some(WITHIN));
    let deleted = admin
        .delete_topics(&[&topic], &options)
        .await
        .expect("an answer");
    deleted[0].as_ref().expect("it is deleted");
    let names = [topic];
    let deadline = Instant::now() + WITHIN;
    while world.log.partitions(&names).await.expect("an answer") != [None] {
        assert!(Instant::now() < deadline, "the topic is still told of");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(why.contains("jangbu repair kafka"), "{why}");
    repair::refill(
        world.handle().as_ref(),
        world.log.as_ref(),
        &world.options(),
    )
    .await
    .expect("it is repaired");
    world.relayed().await;
    assert_eq!(world.assert_complete().await, 0);
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_in_the_middle_loses_and_doubles_nothing() {
    let servers = OwnServers::start().await;
    let world = World::new(servers.kafka.brokers(), "killed.".to_owned());
    let relay = world.relay();
    for _ in 0..3 {
        world.append(200, 40).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        servers.kafka.kill().await;
        world.append(200, 40).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        servers.kafka.start_again().await.expect("it starts again");
    }
    world.relayed().await;
    assert_eq!(
        world.assert_complete().await,
        0,
        "the producer is idempotent"
    );
    relay.end().await;
}
