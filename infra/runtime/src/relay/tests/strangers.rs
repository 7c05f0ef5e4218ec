//! Records in our topics that are not what we published: stepped over where they are others', a stop where they bear our
//! name and lie.

use super::support::{PREFIX, World, text};
use crate::ports::{LogRecord, TopicPartition};

/// The headers of a record, with some of them changed.
fn changed<'r>(record: &'r LogRecord, changes: &[(&'r str, &'r str)]) -> Vec<(&'r str, &'r str)> {
    let header = |name: &'r str| {
        let change = changes
            .iter()
            .find(|(changed, _)| *changed == name)
            .map(|(_, value)| *value);
        change
            .or_else(|| text(record, name))
            .map(|value| (name, value))
    };
    record
        .headers
        .iter()
        .filter_map(|(name, _)| header(name))
        .collect()
}

fn put(world: &World, at: &TopicPartition, record: &LogRecord, changes: &[(&str, &str)]) {
    let key = record
        .key
        .as_ref()
        .map(|key| std::str::from_utf8(key).unwrap());
    let value = record
        .value
        .as_ref()
        .map(|value| std::str::from_utf8(value).unwrap());
    world.log.put(at, key, value, &changed(record, changes));
}

/// A world whose relay has published and ended, a partition of it, and that partition's last record.
async fn published() -> (World, TopicPartition, LogRecord) {
    let world = World::new();
    world.append("stock", 0..30).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let at = world.some_place("stock");
    let last = world.log.records(&at).pop().unwrap();
    (world, at, last)
}

#[tokio::test(start_paused = true)]
async fn alien_malformed_null_and_control_records_never_stop_the_start() {
    let (world, at, last) = published().await;
    world.log.put(&at, None, None, &[]);
    world.log.put(
        &at,
        Some("x"),
        Some("not json"),
        &[("ce_source", "/elsewhere")],
    );
    put(
        &world,
        &at,
        &last,
        &[
            (
                "ce_source",
                "/jangbu/another/0198c5a0-7b1c-7cc4-9d5c-2f1f3a0f4a11",
            ),
            ("ce_position", "900"),
        ],
    );
    put(&world, &at, &last, &[("ce_position", "many")]);
    put(&world, &at, &last, &[("ce_id", "none")]);
    world.log.put(
        &at,
        Some("1"),
        None,
        &changed(&last, &[("ce_position", "901")]),
    );
    world.log.put_control(&at);
    let relay = world.relay();
    world.append("stock", 0..30).await;
    world.relayed().await;
    let stored = world.stored().await.len();
    assert_eq!(world.count(), stored + 6, "nothing was published again");
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_control_record_at_the_end_of_a_partition_does_not_hang_the_start() {
    let (world, at, _) = published().await;
    world.log.put_control(&at);
    world.log.put_control(&at);
    let relay = world.relay();
    world.append("stock", 0..30).await;
    world.relayed().await;
    assert!(world.assert_complete().await.duplicates.is_empty());
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_forged_huge_position_stops_the_relay_before_it_publishes() {
    let (world, at, last) = published().await;
    put(&world, &at, &last, &[("ce_position", "4000000000")]);
    world.append("stock", 0..30).await;
    let before = world.count();
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(why.contains("position 4000000000"), "{why}");
    assert!(why.contains("the store has none there"), "{why}");
    assert!(why.contains("jangbu repair fork"), "{why}");
    assert_eq!(world.count(), before);
    assert_eq!(world.handle().stopped().await.unwrap(), Some(why));
    relay.end().await;
}

/// Whatever its key says: it bears our name and is no event of ours.
#[tokio::test(start_paused = true)]
async fn a_forged_record_stops_the_relay_in_whichever_partition_it_stands() {
    for further in 0..3 {
        let (world, at, last) = published().await;
        let place = world.place("stock", (at.partition + further) % 3);
        put(&world, &place, &last, &[("ce_position", "4000000000")]);
        let relay = world.relay();
        let why = relay.stopped().await;
        assert!(why.contains("position 4000000000"), "{why}");
        relay.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_event_at_a_stored_position_stops_the_relay_and_both_are_told() {
    let (world, at, last) = published().await;
    let forged = "00000000-0000-0000-0000-0000000000ff";
    put(&world, &at, &last, &[("ce_id", forged)]);
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(
        why.contains(forged) && why.contains(text(&last, "ce_id").unwrap()),
        "{why}"
    );
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_holds_in_every_process_until_it_is_repaired() {
    let (world, at, last) = published().await;
    put(&world, &at, &last, &[("ce_position", "4000000000")]);
    let first = world.relay();
    let why = first.stopped().await;
    first.end().await;
    let second = world.relay();
    assert_eq!(second.stopped().await, why);
    second.end().await;
}

/// The forged record is a stored event by its id, but says that nothing lies before it: the events in between must not be
/// taken for published.
#[tokio::test(start_paused = true)]
async fn a_forged_previous_does_not_silence_what_lies_between() {
    let (world, at, _) = published().await;
    world.append("stock", 0..30).await;
    let key_of =
        |record: &LogRecord| String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap();
    let keys: Vec<_> = world.log.records(&at).iter().map(key_of).collect();
    let stored = world.stored().await;
    let later: Vec<_> = stored
        .iter()
        .skip(30)
        .filter(|event| keys.contains(&event.id))
        .collect();
    let (skipped, forged) = (later[0], later[1]);
    let model = world
        .log
        .records(&at)
        .into_iter()
        .find(|record| key_of(record) == forged.id)
        .unwrap();
    let (position, id) = (forged.position.to_string(), forged.event_id.to_string());
    put(
        &world,
        &at,
        &model,
        &[
            ("ce_position", &position),
            ("ce_id", &id),
            ("ce_previous", "0"),
        ],
    );
    let relay = world.relay();
    let why = relay.stopped().await;
    assert!(
        why.contains(&format!("position {}", skipped.position)),
        "{why}"
    );
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_of_ours_in_a_partition_that_is_not_its_own_counts_for_nothing() {
    let (world, at, _) = published().await;
    world.append("stock", 0..30).await;
    let relay = world.relay();
    world.relayed().await;
    relay.end().await;
    let newest = world.log.records(&at).pop().unwrap();
    let before = world.count();
    let elsewhere = world.place("stock", (at.partition + 1) % 3);
    world.log.put_again(&LogRecord {
        at: elsewhere,
        ..newest
    });
    let relay = world.relay();
    world.append("stock", 0..30).await;
    world.relayed().await;
    assert_eq!(world.count(), before + 1 + 30);
    relay.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_partition_counts_as_the_checkpoint_says() {
    let (world, at, last) = published().await;
    for place in world.log.places() {
        world.log.truncate_before(&place, i64::MAX);
    }
    assert_eq!(world.count(), 0);
    let relay = world.relay();
    world.append("stock", 0..30).await;
    world.relayed().await;
    assert_eq!(world.count(), 30, "nothing was published again");
    let first = &world.log.records(&at)[0];
    assert_eq!(text(first, "ce_previous"), text(&last, "ce_position"));
    assert_eq!(&*at.topic, format!("{PREFIX}stock"));
    relay.end().await;
}
