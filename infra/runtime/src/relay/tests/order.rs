//! Undisturbed: every event once, in order, with the headers of the wire.

use super::support::{PARTITIONS, World, text};
use crate::relay::Phase;

#[tokio::test(start_paused = true)]
async fn every_event_is_in_the_partition_of_its_key_once_and_in_order() {
    let world = World::new();
    world.append("stock", (0..200).map(|n| n % 17)).await;
    world.append("order", (0..100).map(|n| n % 31)).await;
    let relay = world.relay();
    world.relayed().await;
    world.append("stock", 0..50).await;
    world.relayed().await;
    let read = world.assert_complete().await;
    assert!(read.duplicates.is_empty());
    assert_eq!(
        read.events.len(),
        2 * PARTITIONS as usize,
        "all partitions are used"
    );
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_is_the_stored_event_and_names_the_one_before_it_in_its_partition() {
    let world = World::new();
    world.append("stock", [7, 8, 9, 7]).await;
    let relay = world.relay();
    world.relayed().await;
    let stored = world.stored().await;
    for at in world.log.places() {
        let mut previous = 0;
        for record in world.log.records(&at) {
            let position: u64 = text(&record, "ce_position").unwrap().parse().unwrap();
            let event = &stored[position as usize - 1];
            assert_eq!(record.key.as_deref(), Some(event.id.as_bytes()));
            assert_eq!(record.value.as_ref(), Some(&event.payload));
            assert_eq!(
                text(&record, "ce_id"),
                Some(&*event.event_id.hyphenated().to_string())
            );
            assert_eq!(
                text(&record, "ce_source"),
                Some(&*world.source().to_string())
            );
            assert_eq!(text(&record, "ce_type"), Some("jangbu.stock.Counted.v1"));
            assert_eq!(text(&record, "ce_previous"), Some(&*previous.to_string()));
            assert_eq!(text(&record, "ce_actor"), Some("tester"));
            previous = position;
        }
    }
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_process_goes_on_where_the_first_ended_and_repeats_nothing() {
    let world = World::new();
    let (first, second) = (world.relay(), world.relay());
    world.append("stock", 0..30).await;
    world.relayed().await;
    first.end().await;
    world.append("stock", 0..30).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    second.end().await;
}

#[tokio::test(start_paused = true)]
async fn ending_takes_in_what_is_on_its_way() {
    let world = World::new();
    let relay = world.relay();
    relay.until(|status| status.phase == Phase::Leading).await;
    world.append("stock", 0..30).await;
    relay.end().await;
    let published = world.count() as u64;
    assert_eq!(world.checkpoint().await.position, published);
}

#[tokio::test(start_paused = true)]
async fn the_status_tells_position_and_lag() {
    let world = World::new();
    world.append("stock", 0..30).await;
    let relay = world.relay();
    let status = relay.until(|status| status.position == 30).await;
    assert_eq!(
        (status.phase, status.head, status.lag_events),
        (Phase::Leading, 30, 0)
    );
    assert_eq!(status.problem, None);
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_only_a_newer_binary_knows_gets_its_topic() {
    let world = World::new();
    let relay = world.relay();
    world.append("parcel", [1, 2, 3]).await;
    world.append("stock", [1]).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    assert!(!world.log.records(&world.some_place("parcel")).is_empty());
    relay.end().await;
}
