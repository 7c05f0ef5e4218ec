//! History forked: a restored database, another incarnation.

use super::support::World;
use crate::ports::Log;
use crate::relay::{Phase, repair};

#[tokio::test(start_paused = true)]
async fn a_restored_database_stops_the_relay_before_it_publishes() {
    let world = World::new();
    world.append("stock", 0..40).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    world.database.restore(25);
    world.append("stock", 0..5).await;
    let before = world.count();
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(why.contains("jangbu repair fork"), "{why}");
    assert_eq!(world.count(), before);
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_database_restored_under_a_running_relay_stops_it() {
    let world = World::new();
    world.append("stock", 0..40).await;
    let relay = world.relay();
    world.relayed().await;
    world.database.restore(25);
    let why = relay.stopped().await;
    assert!(why.contains("jangbu repair fork"), "{why}");
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_repaired_fork_is_published_as_a_new_incarnation_from_the_checkpoint_on() {
    let world = World::new();
    world.append("stock", 0..40).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let old = world.source();
    world.database.restore(25);
    world.append("stock", 0..5).await;
    let relay = world.relay();
    relay.stopped().await;
    relay.end().await;

    world.database.repair_fork();
    repair::step_over(world.handle().as_ref(), &world.log, &world.options())
        .await
        .unwrap();
    assert_eq!(world.handle().stopped().await.unwrap(), None);
    let from = world.checkpoint().await.position;
    let relay = world.relay();
    world.relayed().await;
    assert_ne!(world.source(), old);
    let read = world.read();
    let mut positions: Vec<_> = read
        .events
        .values()
        .flatten()
        .map(|(position, _)| *position)
        .collect();
    positions.sort_unstable();
    assert_eq!(positions, (from + 1..=30).collect::<Vec<_>>());
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn records_of_an_older_incarnation_up_to_the_checkpoint_are_history() {
    let world = World::new();
    world.append("stock", 0..40).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let at = world.some_place("stock");
    let old = world.log.records(&at)[0].clone();
    world.database.repair_fork();
    world.append("stock", 0..5).await;
    world.log.put_again(&old);
    let relay = world.relay();
    world.relayed().await;
    relay.until(|status| status.phase == Phase::Leading).await;
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_record_of_an_older_incarnation_beyond_the_checkpoint_stops_the_relay() {
    let world = World::new();
    world.append("stock", 0..40).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let at = world.some_place("stock");
    let late = world.log.records(&at).pop().unwrap();
    let edges = world.log.edges(std::slice::from_ref(&at)).await.unwrap()[0];
    world.database.restore(20);
    world.database.repair_fork();
    repair::step_over(world.handle().as_ref(), &world.log, &world.options())
        .await
        .unwrap();
    world.log.put_again(&late);
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(why.contains(&format!("offset {}", edges.high)), "{why}");
    assert!(why.contains("of incarnation"), "{why}");
    relay.end().await;
}
