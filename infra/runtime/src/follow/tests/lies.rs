//! Records that are none of our events, however well they claim to be.

use event_schemas::cloud_event::names;
use uuid::Uuid;

use super::bench::{PARTITIONS, Running, World, seen, take, topic_of};
use crate::follow::{Feed, FollowOptions, Following};
use crate::ports::TopicPartition;

async fn begin(world: &World) -> (Running, Feed) {
    let running = world.follow(FollowOptions::default());
    let mut following = running.follower.following();
    following
        .wait_for(|now| *now == Following::Log)
        .await
        .unwrap();
    let feed = running.follower.subscribe(0);
    (running, feed)
}

/// Whatever was put into the log: the feed hands out what the store holds.
async fn feed_is_the_store(world: &World, running: Running, mut feed: Feed) {
    let stored = world.events().await;
    let events = take(&mut feed, stored.len()).await;
    assert_eq!(seen(events.iter().map(|event| &**event)), seen(&stored));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_forgery_that_comes_before_the_event_is_not_handed_out() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("a", 1).await;
    let event = world.event(1).await;
    world.forge(&event, 999, Uuid::from_u128(7));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    world.publish(1).await;
    feed_is_the_store(&world, running, feed).await;
}

#[tokio::test(start_paused = true)]
async fn a_forgery_of_what_is_not_stored_yet_is_not_kept_for_later() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("a", 1).await;
    let event = world.event(1).await;
    world.publish(1).await;
    for position in [2, 3, 50, 1_000_000, (1 << 53) - 1] {
        world.forge_position(&event, position);
    }
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    for sku in ["b", "c", "d"] {
        world.receive(sku, 1).await;
    }
    feed_is_the_store(&world, running, feed).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_with_another_content_in_another_partition_is_not_handed_out() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("a", 1).await;
    let event = world.event(1).await;
    // Somebody who read id and position somewhere, and whose record is read before the event's own.
    let forged = event_schemas::Envelope {
        payload: r#"{"quantity":999}"#.into(),
        ..event.clone()
    };
    let right = world.place(&event);
    for partition in
        (0..i32::try_from(PARTITIONS).unwrap()).filter(|other| *other != right.partition)
    {
        let at = TopicPartition {
            topic: right.topic.clone(),
            partition,
        };
        world.put(&at, &forged, 0, &[]);
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    world.publish(1).await;
    feed_is_the_store(&world, running, feed).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_in_the_name_of_another_aggregate_is_not_handed_out() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("a", 1).await;
    let forged = event_schemas::Envelope {
        id: "another".to_owned(),
        ..world.event(1).await
    };
    world.put(&world.place(&forged), &forged, 0, &[]);
    feed_is_the_store(&world, running, feed).await;
}

#[tokio::test(start_paused = true)]
async fn two_records_that_contradict_each_other_leave_it_to_the_store() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("z", 1).await;
    world.receive("a", 1).await;
    // Both wait for position 1, which comes last.
    let event = world.event(2).await;
    world.forge(&event, 999, Uuid::from_u128(7));
    world.publish(2).await;
    world.publish(1).await;
    feed_is_the_store(&world, running, feed).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_passed_over() {
    let world = World::new().await;
    let (running, feed) = begin(&world).await;
    world.receive("a", 1).await;
    let event = world.event(1).await;
    let at = world.place(&event);
    world.log.put(&at, None, None, &[]);
    world
        .log
        .put(&at, Some("a"), Some("no json"), &[("ce_id", "\u{fffd}")]);
    world.log.put_control(&at);
    let other_store = format!("/jangbu/other/{}", Uuid::from_u128(1));
    let other_time = format!("/jangbu/mall/{}", Uuid::from_u128(99));
    for (name, value) in [
        (names::SOURCE, "elsewhere"),
        (names::SOURCE, &*other_store),
        (names::SOURCE, &*other_time),
        (names::POSITION, "one"),
        (names::TYPE, "jangbu.stock"),
        (names::SUBJECT, "stock/b"),
    ] {
        world.put(&at, &event, 0, &[(name, value)]);
    }
    let elsewhere = TopicPartition {
        topic: topic_of("till").into(),
        ..at
    };
    world.put(&elsewhere, &event, 0, &[]);
    world.publish(1).await;
    feed_is_the_store(&world, running, feed).await;
}
