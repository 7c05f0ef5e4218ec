//! Topics that were wiped, deleted or given more partitions; holes in what stands there.

use std::sync::Arc;
use std::time::Duration;

use super::support::{PREFIX, World, text};
use crate::memory::log::NoLogFaults;
use crate::memory::store::NoFaults;
use crate::ports::{RelayCheckpoint, RelayLedger};
use crate::relay::{RelayOptions, repair};

async fn published(world: &World) {
    world.append("stock", (0..40).map(|n| n % 11)).await;
    world.append("order", (0..40).map(|n| n % 11)).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
}

fn self_healing(world: &World) -> RelayOptions {
    RelayOptions {
        self_heal: true,
        ..world.options()
    }
}

#[tokio::test(start_paused = true)]
async fn grown_partitions_stop_the_relay() {
    let world = World::new();
    published(&world).await;
    world.log.grow(&format!("{PREFIX}stock"), 24);
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(
        why.contains("has 24 partitions and the relay has written to 3"),
        "{why}"
    );
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_wiped_topic_stops_the_relay_until_it_is_refilled_by_command() {
    let world = World::new();
    published(&world).await;
    let orders = world.log.records(&world.some_place("order")).len();
    world.log.wipe(&format!("{PREFIX}stock"));
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(
        why.contains("jangbu repair kafka") && why.contains("test.stock"),
        "{why}"
    );
    relay.end().await;

    let relay = world.relay();
    let repaired = repair::refill(world.handle().as_ref(), &world.log, &world.options())
        .await
        .unwrap();
    assert_eq!(repaired.was_stopped, Some(why));
    assert!(
        repaired
            .refilled
            .iter()
            .all(|place| place.starts_with("test.stock/")),
        "{repaired:?}"
    );
    world.append("stock", 0..5).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    assert_eq!(
        world.log.records(&world.some_place("order")).len(),
        orders,
        "the other topic was left alone"
    );
    relay.end().await;
}

/// A producer that did not notice goes on in the new topic; what it wrote must not stand before what is refilled.
#[tokio::test(start_paused = true)]
async fn what_was_written_into_a_wiped_topic_is_refilled_in_its_place() {
    let world = World::new();
    published(&world).await;
    let at = world.some_place("stock");
    let records = world.log.records(&at);
    world.log.wipe(&at.topic);
    world
        .log
        .put_again(records.last().expect("some were published"));
    let relay = world.relay();
    relay.stopped().await;
    repair::refill(world.handle().as_ref(), &world.log, &world.options())
        .await
        .unwrap();
    world.append("stock", 0..5).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    relay.end().await;
}

/// And it may have written more than had stood there before, so that the end says nothing.
#[tokio::test(start_paused = true)]
async fn a_wiped_topic_that_has_outgrown_what_stood_there_is_refilled() {
    let world = World::new();
    published(&world).await;
    let at = world.some_place("stock");
    let before = world.log.records(&at);
    world.append("stock", (0..120).map(|n| n % 11)).await;
    let ledger = world.handle();
    let kept = checkpoint(ledger.as_ref()).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let since: Vec<_> = world.log.records(&at).split_off(before.len());
    assert!(since.len() > before.len(), "{}", since.len());
    // The records since then, in a topic made anew; the checkpoint from before.
    world.log.wipe(&at.topic);
    for record in &since {
        world.log.put_again(record);
    }
    keep(ledger.as_ref(), &kept).await;

    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(
        why.contains("jangbu repair kafka") && why.contains("where the relay wrote position"),
        "{why}"
    );
    let repaired = repair::refill(ledger.as_ref(), &world.log, &world.options())
        .await
        .unwrap();
    let place = format!("{}/{}", at.topic, at.partition);
    assert!(repaired.refilled.contains(&place), "{repaired:?}");
    world.append("stock", 0..5).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_comes_back_with_its_partitions() {
    let world = World::new();
    published(&world).await;
    world.log.delete(&format!("{PREFIX}stock"));
    let options = RelayOptions {
        partitions: 7,
        ..self_healing(&world)
    };
    let relay = world.relay_with(options, Arc::new(NoFaults), Arc::new(NoLogFaults));
    world.append("stock", 0..5).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_heals_refills_a_topic_wiped_while_it_is_idle() {
    let world = World::new();
    let relay = world.relay_with(
        self_healing(&world),
        Arc::new(NoFaults),
        Arc::new(NoLogFaults),
    );
    world.append("stock", 0..40).await;
    world.relayed().await;
    world.log.wipe(&format!("{PREFIX}stock"));
    let refilled = async {
        while world.count() < 40 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), refilled)
        .await
        .expect("the topic is refilled");
    world.assert_complete().await;
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_refill_that_is_cut_short_is_taken_up_again() {
    let world = World::new();
    published(&world).await;
    world.log.wipe(&format!("{PREFIX}stock"));
    let options = || self_healing(&world);
    for kill_after in 0..30 {
        let relay = world.relay_with(options(), Arc::new(NoFaults), Arc::new(NoLogFaults));
        tokio::time::sleep(Duration::from_millis(kill_after * 7)).await;
        relay.kill().await;
    }
    let relay = world.relay_with(options(), Arc::new(NoFaults), Arc::new(NoLogFaults));
    world.append("stock", 0..5).await;
    world.relayed().await;
    world.assert_complete().await;
    relay.end().await;
}

/// Sets the ledger back to before anything was relayed, as if the checkpoint had never been written.
async fn forget_checkpoint(ledger: &dyn RelayLedger) {
    let counts = checkpoint(ledger).await.counts;
    let none = RelayCheckpoint {
        counts,
        ..RelayCheckpoint::default()
    };
    keep(ledger, &none).await;
}

async fn checkpoint(ledger: &dyn RelayLedger) -> RelayCheckpoint {
    let mut leadership = ledger.lead().await.unwrap().unwrap();
    leadership.checkpoint().await.unwrap()
}

async fn keep(ledger: &dyn RelayLedger, checkpoint: &RelayCheckpoint) {
    let mut leadership = ledger.lead().await.unwrap().unwrap();
    leadership.save(checkpoint).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_log_is_not_published_again() {
    let world = World::new();
    published(&world).await;
    let before = world.count();
    forget_checkpoint(world.handle().as_ref()).await;
    let relay = world.relay();
    world.relayed().await;
    assert_eq!(world.count(), before);
    assert!(world.assert_complete().await.duplicates.is_empty());
    relay.end().await;
}

/// Only the last record would not show it (pitfall 56).
#[tokio::test(start_paused = true)]
async fn a_hole_ends_the_tail_and_is_filled() {
    let world = World::new();
    published(&world).await;
    let at = world.some_place("stock");
    let records = world.log.records(&at);
    // The topic as a producer left it that lost its third record and went on.
    world.log.wipe(&at.topic);
    for (number, record) in records.iter().enumerate() {
        if number != 2 {
            world.log.put_again(record);
        }
    }
    forget_checkpoint(world.handle().as_ref()).await;
    let relay = world.relay();
    world.relayed().await;
    let missing = text(&records[2], "ce_position");
    let now = world.log.records(&at);
    assert!(
        now.iter()
            .any(|record| text(record, "ce_position") == missing),
        "the hole is filled"
    );
    let positions: Vec<_> = now
        .iter()
        .skip(records.len() - 1)
        .map(|record| text(record, "ce_position"))
        .collect();
    let expected: Vec<_> = records
        .iter()
        .skip(2)
        .map(|record| text(record, "ce_position"))
        .collect();
    assert_eq!(
        positions, expected,
        "from the hole on, all of it once more and in order"
    );
    relay.end().await;
}
