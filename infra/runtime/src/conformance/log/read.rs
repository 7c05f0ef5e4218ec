//! Rules of reading without a group.

use std::time::Duration;

use super::LogBench;
use super::bench::{numbers, publish, read_until, topic, until, value};
use crate::ports::Edges;

pub(super) async fn edges_follow_what_is_published_and_deleted(bench: &dyn LogBench) {
    let places = topic(bench, 3).await;
    let log = bench.log();
    assert_eq!(log.edges(&[]).await.unwrap(), []);
    assert_eq!(
        log.edges(&places).await.unwrap(),
        [Edges { low: 0, high: 0 }; 3]
    );
    publish(bench, &places[2], numbers(0, 5)).await;
    bench.delete_before(&places[2], 3).await;
    let asked = [places[2].clone(), places[0].clone()];
    assert_eq!(
        log.edges(&asked).await.unwrap(),
        [Edges { low: 3, high: 5 }, Edges { low: 0, high: 0 }]
    );
}

pub(super) async fn what_is_forgotten_is_gone_and_offsets_go_on(bench: &dyn LogBench) {
    let places = topic(bench, 2).await;
    let log = bench.log();
    for at in &places {
        publish(bench, at, numbers(0, 5)).await;
    }
    log.forget(&[]).await.unwrap();
    log.forget(&[(places[0].clone(), 5)]).await.unwrap();
    publish(bench, &places[0], numbers(5, 6)).await;
    assert_eq!(
        log.edges(&places).await.unwrap(),
        [Edges { low: 5, high: 6 }, Edges { low: 0, high: 5 }]
    );
}

pub(super) async fn reading_begins_where_it_is_told_and_knows_how_far_it_came(
    bench: &dyn LogBench,
) {
    let places = topic(bench, 2).await;
    publish(bench, &places[0], numbers(0, 10)).await;
    publish(bench, &places[1], numbers(0, 4)).await;
    let mut reader = bench
        .log()
        .reader(&[(places[0].clone(), 7), (places[1].clone(), 4)])
        .await
        .unwrap();
    assert_eq!(
        (reader.position(&places[0]), reader.position(&places[1])),
        (Some(7), Some(4))
    );
    let records = read_until(reader.as_mut(), |reader, _| {
        reader.position(&places[0]) == Some(10)
    })
    .await;
    assert_eq!(
        records.iter().map(value).collect::<Vec<_>>(),
        ["7", "8", "9"]
    );
    assert_eq!(reader.position(&places[1]), Some(4));
}

pub(super) async fn an_offset_that_is_not_there_becomes_the_first(bench: &dyn LogBench) {
    let places = topic(bench, 2).await;
    for at in &places {
        publish(bench, at, numbers(0, 6)).await;
        bench.delete_before(at, 4).await;
    }
    let mut reader = bench
        .log()
        .reader(&[(places[0].clone(), 1), (places[1].clone(), 99)])
        .await
        .unwrap();
    let records = read_until(reader.as_mut(), |_, records| records.len() >= 4).await;
    let mut read: Vec<_> = records
        .iter()
        .map(|record| (record.at.partition, record.offset))
        .collect();
    read.sort_unstable();
    assert_eq!(read, [(0, 4), (0, 5), (1, 4), (1, 5)]);
}

pub(super) async fn an_emptied_partition_is_read_to_its_end_at_once(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    publish(bench, &places[0], numbers(0, 6)).await;
    bench.delete_before(&places[0], 6).await;
    let reader = bench.log().reader(&[(places[0].clone(), 2)]).await.unwrap();
    assert_eq!(reader.position(&places[0]), Some(6));
}

pub(super) async fn a_control_record_is_passed_and_not_handed_out(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    publish(bench, &places[0], numbers(0, 2)).await;
    bench.put_in_transaction(&places[0]).await;
    let end = 4;
    until(
        "two records, one in a transaction, and the transaction's end are there",
        async || bench.log().edges(&places).await.unwrap()[0].high == end,
    )
    .await;
    let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
    let records = read_until(reader.as_mut(), |reader, _| {
        reader.position(&places[0]) == Some(end)
    })
    .await;
    assert_eq!(records.len(), 3);
    let mut reader = bench.log().reader(&[(places[0].clone(), 3)]).await.unwrap();
    let records = read_until(reader.as_mut(), |reader, _| {
        reader.position(&places[0]) == Some(end)
    })
    .await;
    assert_eq!(records, []);
}

pub(super) async fn a_reader_hears_of_what_comes_later(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
    let mut records = Vec::new();
    reader
        .next(&mut records, 10, Duration::from_millis(50))
        .await
        .unwrap();
    assert_eq!(records, []);
    for round in 0..3 {
        publish(bench, &places[0], numbers(round * 30, round * 30 + 30)).await;
        let mut limited = Vec::new();
        while limited.len() < 30 {
            let before = limited.len();
            reader
                .next(&mut limited, 7, Duration::from_secs(5))
                .await
                .unwrap();
            assert!(limited.len() - before <= 7, "the limit is kept");
        }
        assert!(
            limited
                .iter()
                .map(value)
                .eq(numbers(round * 30, round * 30 + 30))
        );
    }
}

pub(super) async fn odd_records_are_handed_out_as_they_are(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    bench.put(&places[0], None, None, &[]).await;
    bench
        .put(
            &places[0],
            Some(b"\xff\xfe"),
            Some(b"\x00\xff"),
            &[("empty", None), ("odd", Some(b"\xff"))],
        )
        .await;
    publish(bench, &places[0], ["fine".to_owned()]).await;
    let mut reader = bench.log().reader(&[(places[0].clone(), 0)]).await.unwrap();
    let records = read_until(reader.as_mut(), |_, records| records.len() >= 3).await;
    assert_eq!((&records[0].key, &records[0].value), (&None, &None));
    assert_eq!(records[1].key.as_deref(), Some(b"\xff\xfe".as_slice()));
    assert_eq!(records[1].value.as_deref(), Some(b"\x00\xff".as_slice()));
    assert_eq!(records[1].header("odd"), Some(b"\xff".as_slice()));
    assert_eq!(records[1].header("empty"), None);
    assert_eq!(value(&records[2]), "fine");
}
