//! Rules of publishing.

use std::time::Duration;

use tokio::time::Instant;

use super::LogBench;
use super::bench::{WITHIN, delivered, hand_over, numbers, publish, read_until, topic, value};
use crate::ports::{OutRecord, PublishError, TopicPartition};

pub(super) async fn records_come_back_as_they_were_handed_over(bench: &dyn LogBench) {
    let places = topic(bench, 2).await;
    let at = &places[1];
    let offsets = publish(bench, at, ["{\"a\":1}".to_owned(), String::new()]).await;
    assert_eq!(offsets, [0, 1]);
    let mut reader = bench.log().reader(&[(at.clone(), 0)]).await.unwrap();
    let records = read_until(reader.as_mut(), |_, records| records.len() == 2).await;
    assert_eq!(records[0].at, *at);
    assert_eq!((records[0].offset, records[1].offset), (0, 1));
    assert_eq!(records[0].key.as_deref(), Some("key".as_bytes()));
    assert_eq!(records[0].value.as_deref(), Some("{\"a\":1}".as_bytes()));
    let headers: Vec<_> = records[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    assert_eq!(
        headers,
        [
            ("one", Some("1".as_bytes())),
            ("two", Some("둘".as_bytes()))
        ]
    );
    assert_eq!(records[0].header("two"), Some("둘".as_bytes()));
}

pub(super) async fn order_is_kept_and_every_tag_is_told(bench: &dyn LogBench) {
    const COUNT: usize = 20_000;
    let places = topic(bench, 1).await;
    let offsets = publish(bench, &places[0], numbers(0, COUNT)).await;
    assert!(
        offsets.into_iter().eq(0..i64::try_from(COUNT).unwrap()),
        "offsets follow the order of publishing"
    );
    let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
    let records = read_until(reader.as_mut(), |_, records| records.len() >= COUNT).await;
    assert!(records.iter().map(value).eq(numbers(0, COUNT)));
}

pub(super) async fn the_largest_event_passes(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    // What does not compress is what a limit would meet.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    });
    let large: String = noise.take(900_000).collect();
    publish(bench, &places[0], [large.clone()]).await;
    let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
    let records = read_until(reader.as_mut(), |_, records| records.len() == 1).await;
    assert_eq!(value(&records[0]), large);
}

/// And nothing that comes later passes.
pub(super) async fn a_topic_that_is_not_there_fails_the_publisher(bench: &dyn LogBench) {
    let there = topic(bench, 1).await;
    let mut publisher = bench.log().publisher().await.unwrap();
    let missing = TopicPartition {
        topic: bench.fresh_name().into(),
        partition: 0,
    };
    let record = OutRecord {
        topic: &missing.topic,
        partition: 0,
        key: b"k",
        value: b"v",
        headers: &[],
    };
    let mut told = Vec::new();
    let mut at_once = None;
    match publisher.publish(&record, 7) {
        Ok(()) => told = delivered(publisher.as_mut(), 1).await,
        Err(error) => at_once = Some(error),
    }
    let error = match (told.pop(), at_once) {
        (Some(delivery), _) => {
            assert_eq!(delivery.tag, 7);
            delivery.outcome.unwrap_err()
        }
        (None, Some(PublishError::Failed(error))) => error,
        other => panic!("{other:?}"),
    };
    assert!(
        error.to_string().contains(&*missing.topic),
        "the error names the topic: {error}"
    );
    assert!(publisher.failure().is_some());
    let later = OutRecord {
        topic: &there[0].topic,
        partition: 0,
        key: b"k",
        value: b"v",
        headers: &[],
    };
    assert!(matches!(
        publisher.publish(&later, 8),
        Err(PublishError::Failed(_))
    ));
    publisher.purge().await;
}

pub(super) async fn purging_ends_within_seconds(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    let mut publisher = bench.log().publisher().await.unwrap();
    for (tag, text) in numbers(0, 500).enumerate() {
        hand_over(publisher.as_mut(), &places[0], "key", &text, tag).await;
    }
    let begun = Instant::now();
    publisher.purge().await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    // What was on its way may have arrived, from the first on and in order.
    let edges = bench.log().edges(&places).await.unwrap();
    if edges[0].high > 0 {
        let count = usize::try_from(edges[0].high).unwrap();
        let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
        let records = read_until(reader.as_mut(), |_, records| records.len() >= count).await;
        assert!(
            records
                .iter()
                .map(value)
                .zip(numbers(0, count))
                .all(|(is, expected)| is == expected)
        );
    }
    assert!(begun.elapsed() < WITHIN);
}
