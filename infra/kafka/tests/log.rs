//! A real Kafka keeps every rule of a log, and what only it can show.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod support;

use std::time::Duration;

use jangbu_runtime::conformance;
use jangbu_runtime::conformance::log::LogBench;
use jangbu_runtime::ports::{OutRecord, Subscriber, SubscriberEvent, TopicPartition, TopicSpec};
use support::Bench;
use tokio::time::Instant;

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_every_rule_of_a_log() {
    let bench = Bench::new().await;
    conformance::log::all(&bench).await;
}

/// The records that wait for a slow owner are bounded by pausing, which throws away what was fetched ahead (pitfall 15).
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_takes_its_time_misses_nothing_and_hears_nothing_twice() {
    const COUNT: usize = 60_000;
    let bench = Bench::new().await;
    let at = one_partition(&bench).await;
    publish(&bench, &at, COUNT).await;
    let mut member = join(&bench, &at, &bench.fresh_name()).await;
    member.start(&at, 0).await.unwrap();
    // Until everything would be in hand, were there no bound.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut next = 0;
    let deadline = Instant::now() + WITHIN;
    while next < COUNT {
        assert!(
            Instant::now() < deadline,
            "{next} of {COUNT} records within {WITHIN:?}"
        );
        if let Some(SubscriberEvent::Records(records)) =
            member.next(Duration::from_millis(200)).await.unwrap()
        {
            for record in records {
                assert_eq!(record.value.as_deref(), Some(next.to_string().as_bytes()));
                next += 1;
            }
        }
    }
    member.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_released_goes_after_twenty_seconds() {
    let bench = Bench::new().await;
    let name = bench.fresh_name();
    bench
        .log()
        .create(&[TopicSpec {
            name: name.clone(),
            partitions: 2,
        }])
        .await
        .unwrap();
    let group = bench.fresh_name();
    let mut first = bench
        .log()
        .subscriber(&group, std::slice::from_ref(&name))
        .await
        .unwrap();
    let assigned = heard(first.as_mut(), |event| match event {
        SubscriberEvent::Assigned(all) => Some(all),
        _ => None,
    })
    .await;
    assert_eq!(assigned.len(), 2);
    for at in &assigned {
        first.start(at, 0).await.unwrap();
    }
    let mut second = bench.log().subscriber(&group, &[name]).await.unwrap();
    let revoked = heard(first.as_mut(), |event| match event {
        SubscriberEvent::Revoked(some) => Some(some),
        _ => None,
    })
    .await;
    let begun = Instant::now();
    let taken = heard(second.as_mut(), |event| match event {
        SubscriberEvent::Assigned(some) if !some.is_empty() => Some(some),
        _ => None,
    })
    .await;
    assert_eq!(taken, revoked);
    assert!(
        begun.elapsed() > Duration::from_secs(18),
        "{:?}",
        begun.elapsed()
    );
    first.leave().await;
    second.leave().await;
}

async fn one_partition(bench: &Bench) -> TopicPartition {
    let name = bench.fresh_name();
    bench
        .log()
        .create(&[TopicSpec {
            name: name.clone(),
            partitions: 1,
        }])
        .await
        .unwrap();
    TopicPartition {
        topic: name.into(),
        partition: 0,
    }
}

async fn publish(bench: &Bench, at: &TopicPartition, count: usize) {
    let mut publisher = bench.log().publisher().await.unwrap();
    let mut told = Vec::new();
    for tag in 0..count {
        let value = tag.to_string();
        let record = OutRecord {
            topic: &at.topic,
            partition: 0,
            key: b"key",
            value: value.as_bytes(),
            headers: &[],
        };
        publisher.publish(&record, tag).unwrap();
    }
    while told.len() < count {
        publisher.deliveries(&mut told, WITHIN).await;
    }
    assert!(told.iter().all(|delivery| delivery.outcome.is_ok()));
    publisher.purge().await;
}

async fn join(bench: &Bench, at: &TopicPartition, group: &str) -> Box<dyn Subscriber> {
    let mut member = bench
        .log()
        .subscriber(group, &[at.topic.to_string()])
        .await
        .unwrap();
    heard(member.as_mut(), |event| {
        matches!(event, SubscriberEvent::Assigned(_)).then_some(())
    })
    .await;
    member
}

/// Listens until `wanted` is heard.
async fn heard<T>(member: &mut dyn Subscriber, wanted: impl Fn(SubscriberEvent) -> Option<T>) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        assert!(Instant::now() < deadline, "not heard within {WITHIN:?}");
        let event = member.next(Duration::from_millis(200)).await.unwrap();
        if let Some(found) = event.and_then(&wanted) {
            return found;
        }
    }
}
