//! The log in memory keeps every rule of a log, and what only it can show in a test's time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::MemoryLog;
use crate::conformance::log::{LogBench, all};
use crate::ports::{Log, SubscriberEvent, TopicPartition, TopicSpec};

struct Bench {
    log: MemoryLog,
    names: AtomicU32,
}

#[async_trait]
impl LogBench for Bench {
    fn log(&self) -> Arc<dyn Log> {
        Arc::new(self.log.clone())
    }

    fn fresh_name(&self) -> String {
        format!("name-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    async fn delete_before(&self, at: &TopicPartition, offset: i64) {
        self.log.truncate_before(at, offset);
    }

    async fn put(
        &self,
        at: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        self.log.put_bytes(at, key, value, headers);
    }

    async fn put_in_transaction(&self, at: &TopicPartition) {
        self.log.put(at, Some("key"), Some("in a transaction"), &[]);
        self.log.put_control(at);
    }
}

#[tokio::test(start_paused = true)]
async fn it_keeps_every_rule_of_a_log() {
    all(&Bench {
        log: MemoryLog::new(),
        names: AtomicU32::new(0),
    })
    .await;
}

async fn two_members(log: &MemoryLog) -> [Box<dyn crate::ports::Subscriber>; 2] {
    log.create(&[TopicSpec {
        name: "t".to_owned(),
        partitions: 2,
    }])
    .await
    .unwrap();
    let topics = ["t".to_owned()];
    [
        log.subscriber("g", &topics).await.unwrap(),
        log.subscriber("g", &topics).await.unwrap(),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_not_released_goes_after_twenty_seconds() {
    let log = MemoryLog::new();
    let [mut first, mut second] = two_members(&log).await;
    let wait = Duration::from_secs(60);
    assert!(
        matches!(first.next(wait).await.unwrap(), Some(SubscriberEvent::Assigned(all)) if all.len() == 2)
    );
    assert!(
        matches!(first.next(wait).await.unwrap(), Some(SubscriberEvent::Revoked(one)) if one.len() == 1)
    );
    let begun = tokio::time::Instant::now();
    assert!(
        matches!(second.next(wait).await.unwrap(), Some(SubscriberEvent::Assigned(one)) if one.len() == 1)
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_is_told_and_joined_again() {
    let log = MemoryLog::new();
    let [mut first, second] = two_members(&log).await;
    drop(second);
    log.lose_sessions("g");
    let mut told = Vec::new();
    while let Some(event) = first.next(Duration::from_secs(1)).await.unwrap() {
        told.push(event);
    }
    assert!(
        matches!(told.as_slice(), [.., SubscriberEvent::Lost(lost), SubscriberEvent::Assigned(again)]
        if !lost.is_empty() && again.len() == 2)
    );
}
