//! What a real broker does too seldom: librdkafka's mock of one, told to fail.

use std::sync::Arc;
use std::time::Duration;

use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_runtime::ports::{
    Delivery, Log, LogRecord, OutRecord, PublishError, Publisher, TopicPartition,
};
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey;
use tokio::time::Instant;

const TOPIC: &str = "mocked";
const WITHIN: Duration = Duration::from_secs(60);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> (Cluster, Kafka) {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic(TOPIC, 1, 1).expect("a topic");
    let kafka = Kafka::new(KafkaOptions::at(cluster.bootstrap_servers())).expect("a client");
    (cluster, kafka)
}

fn publish(publisher: &mut dyn Publisher, tag: usize) -> Result<(), PublishError> {
    let value = tag.to_string();
    let record = OutRecord {
        topic: TOPIC,
        partition: 0,
        key: b"key",
        value: value.as_bytes(),
        headers: &[],
    };
    publisher.publish(&record, tag)
}

/// Deliveries until all of `count` are told, or the publisher has failed and tells no more.
async fn told(publisher: &mut dyn Publisher, count: usize) -> Vec<Delivery> {
    let mut told = Vec::new();
    let deadline = Instant::now() + WITHIN;
    while told.len() < count {
        assert!(
            Instant::now() < deadline,
            "{} of {count} deliveries within {WITHIN:?}",
            told.len()
        );
        let before = told.len();
        publisher
            .deliveries(&mut told, Duration::from_secs(1))
            .await;
        if publisher.failure().is_some() && told.len() == before {
            break;
        }
    }
    told
}

async fn everything(kafka: &Kafka) -> Vec<LogRecord> {
    let at = TopicPartition {
        topic: TOPIC.into(),
        partition: 0,
    };
    let end = kafka.edges(std::slice::from_ref(&at)).await.expect("edges")[0].high;
    let mut reader = kafka.reader(&[(at.clone(), 0)]).await.expect("a reader");
    let mut records = Vec::new();
    let deadline = Instant::now() + WITHIN;
    while reader.position(&at) < Some(end) {
        assert!(
            Instant::now() < deadline,
            "{} of {end} records within {WITHIN:?}",
            records.len()
        );
        reader
            .next(&mut records, 10_000, Duration::from_millis(100))
            .await
            .expect("records");
    }
    records
}

fn numbers(records: &[LogRecord]) -> Vec<usize> {
    let number = |record: &LogRecord| {
        String::from_utf8_lossy(record.value.as_deref()?)
            .parse()
            .ok()
    };
    records
        .iter()
        .map(|record| number(record).expect("a number"))
        .collect()
}

/// Publishes one record well, then sets the errors, then publishes on until nothing is taken any more.
async fn fail_with(errors: &[Code]) {
    let (cluster, kafka) = cluster();
    let mut publisher = kafka.publisher().await.expect("a publisher");
    publish(publisher.as_mut(), 0).expect("room");
    assert_eq!(
        told(publisher.as_mut(), 1).await[0]
            .outcome
            .as_ref()
            .expect("it is taken"),
        &0
    );
    cluster.request_errors(RDKafkaApiKey::Produce, errors);
    let mut handed = 1;
    let deadline = Instant::now() + WITHIN;
    let failure = loop {
        assert!(
            Instant::now() < deadline,
            "the publisher did not fail within {WITHIN:?}"
        );
        match publish(publisher.as_mut(), handed) {
            Ok(()) => handed += 1,
            Err(PublishError::Failed(failure)) => break failure,
            Err(PublishError::Full) => panic!("the queue is full"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(failure.to_string().contains("publish"), "{failure}");
    let told = told(publisher.as_mut(), handed - 1).await;
    assert!(publisher.failure().is_some());
    assert!(
        told.iter().any(|delivery| delivery.outcome.is_err()),
        "{errors:?}: a delivery tells of the failure"
    );
    publisher.purge().await;
    let stored = numbers(&everything(&kafka).await);
    assert!(
        stored.iter().copied().eq(0..stored.len()),
        "nothing passed what was not taken: {stored:?}"
    );
    // Another publisher goes on.
    let mut publisher = kafka.publisher().await.expect("a publisher");
    publish(publisher.as_mut(), stored.len()).expect("room");
    let mut told = Vec::new();
    while told.is_empty() {
        publisher.deliveries(&mut told, WITHIN).await;
    }
    told.remove(0).outcome.expect("it is taken");
    publisher.purge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_refused_for_good_fails_the_publisher_and_nothing_later_passes() {
    fail_with(&[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]).await;
    fail_with(&[Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_error_fails_the_publisher_and_another_goes_on() {
    fail_with(&[Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]).await;
    fail_with(&[Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_pass_are_waited_out_without_a_gap_or_a_change_of_order() {
    let (cluster, kafka) = cluster();
    let mut publisher = kafka.publisher().await.expect("a publisher");
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[
            Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            Code::RD_KAFKA_RESP_ERR__TRANSPORT,
        ],
    );
    for tag in 0..2_000 {
        publish(publisher.as_mut(), tag).expect("room");
    }
    let told = told(publisher.as_mut(), 2_000).await;
    assert_eq!(told.len(), 2_000);
    assert!(
        told.iter().all(|delivery| delivery.outcome.is_ok()),
        "{:?}",
        publisher.failure()
    );
    publisher.purge().await;
    let stored = numbers(&everything(&kafka).await);
    assert!(stored.into_iter().eq(0..2_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_broker_goes_away_reads_on_when_it_is_back() {
    let (cluster, kafka) = cluster();
    let mut publisher = kafka.publisher().await.expect("a publisher");
    for tag in 0..10 {
        publish(publisher.as_mut(), tag).expect("room");
    }
    told(publisher.as_mut(), 10).await;
    let at = TopicPartition {
        topic: Arc::from(TOPIC),
        partition: 0,
    };
    let mut reader = kafka.reader(&[(at, 0)]).await.expect("a reader");
    let mut records = Vec::new();
    let mut read = async |count: usize, records: &mut Vec<LogRecord>| {
        let deadline = Instant::now() + WITHIN;
        while records.len() < count {
            assert!(
                Instant::now() < deadline,
                "{} of {count} records within {WITHIN:?}",
                records.len()
            );
            // An error that passes may be told, and reading goes on.
            if let Err(error) = reader.next(records, 100, Duration::from_millis(100)).await {
                assert!(error.transient, "{error}");
            }
        }
    };
    read(10, &mut records).await;
    cluster.broker_down(1).expect("a broker");
    for tag in 10..20 {
        publish(publisher.as_mut(), tag).expect("room");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.broker_up(1).expect("a broker");
    let told = told(publisher.as_mut(), 10).await;
    assert!(
        told.iter().all(|delivery| delivery.outcome.is_ok()),
        "{told:?}"
    );
    read(20, &mut records).await;
    assert!(numbers(&records).into_iter().eq(0..20));
}
