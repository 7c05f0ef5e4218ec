//! Topics as section 5 of the architecture wants them, asked of a real broker.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_local::TestBed;
use jangbu_runtime::ports::{Edges, Log, TopicPartition, TopicSpec};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const WITHIN: Duration = Duration::from_secs(30);

async fn made(retention_ms: i64) -> (&'static TestBed, Kafka, String) {
    let bed = TestBed::get().await;
    let options = KafkaOptions {
        retention_ms,
        ..KafkaOptions::at(bed.brokers())
    };
    let kafka = Kafka::new(options).expect("a client");
    let name = bed.fresh_name();
    let spec = TopicSpec {
        name: name.clone(),
        partitions: 3,
    };
    kafka.create(&[spec]).await.expect("a topic");
    (bed, kafka, name)
}

/// What the broker says of a topic, once it knows of it: just after the creation it may answer with nothing.
async fn configuration(admin: &AdminClient<DefaultClientContext>, name: &str) -> ConfigResource {
    let deadline = Instant::now() + WITHIN;
    loop {
        let told = admin
            .describe_configs(
                &[ResourceSpecifier::Topic(name)],
                &AdminOptions::new().request_timeout(Some(WITHIN)),
            )
            .await
            .expect("an answer");
        match told.into_iter().next() {
            Some(Ok(topic)) if topic.get("retention.ms").is_some() => return topic,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_keep_the_brokers_time_for_as_long_as_configured_and_take_the_largest_event() {
    const WEEK_MS: i64 = 604_800_000;
    let (bed, _, name) = made(WEEK_MS).await;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bed.brokers())
        .create()
        .expect("an admin");
    let topic = configuration(&admin, &name).await;
    let value = |property: &str| {
        topic
            .get(property)
            .and_then(|entry| entry.value.clone())
            .unwrap_or_default()
    };
    assert_eq!(value("message.timestamp.type"), "LogAppendTime");
    assert_eq!(value("retention.ms"), WEEK_MS.to_string());
    assert_eq!(value("cleanup.policy"), "delete");
    let limit: u64 = value("max.message.bytes").parse().expect("a number");
    assert!(limit >= 1024 * 1024, "{limit}");
}

/// A producer whose clock is two days ahead or a month behind: refused for ever, or deleted at once, were the record's
/// own time what counts (pitfall 46).
#[tokio::test(flavor = "multi_thread")]
async fn a_producers_wrong_clock_neither_bars_nor_deletes_its_records() {
    let (bed, kafka, name) = made(3_600_000).await;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bed.brokers())
        .create()
        .expect("a producer");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970");
    let day = Duration::from_secs(86_400);
    for time in [now + 2 * day, now - 30 * day] {
        let time = i64::try_from(time.as_millis()).expect("a time of this age");
        let record: BaseRecord<'_, str, str> = BaseRecord::to(&name)
            .partition(0)
            .payload("event")
            .timestamp(time);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("room");
    }
    producer.flush(WITHIN).expect("both are delivered");
    let at = TopicPartition {
        topic: name.into(),
        partition: 0,
    };
    let edges = kafka.edges(&[at]).await.expect("edges");
    assert_eq!(edges, [Edges { low: 0, high: 2 }]);
}
