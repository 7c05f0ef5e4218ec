//! A real broker, and the hands to do things to it that the port cannot.

#![expect(
    clippy::unwrap_used,
    reason = "it fails where the broker does not play along"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_local::TestBed;
use jangbu_runtime::conformance::log::LogBench;
use jangbu_runtime::ports::{Log, TopicPartition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const WITHIN: Duration = Duration::from_secs(30);

/// The shared broker.
pub struct Bench {
    bed: &'static TestBed,
    log: Arc<Kafka>,
}

impl Bench {
    pub async fn new() -> Self {
        let bed = TestBed::get().await;
        let log = Kafka::new(KafkaOptions::at(bed.brokers())).unwrap();
        Self {
            bed,
            log: Arc::new(log),
        }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bed.brokers());
        config
    }
}

#[async_trait]
impl LogBench for Bench {
    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log) as Arc<dyn Log>
    }

    fn fresh_name(&self) -> String {
        self.bed.fresh_name()
    }

    async fn delete_before(&self, at: &TopicPartition, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset))
            .unwrap();
        let options = AdminOptions::new().operation_timeout(Some(WITHIN));
        let deleted = admin.delete_records(&list, &options).await.unwrap();
        deleted.elements()[0].error().unwrap();
    }

    async fn put(
        &self,
        at: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let producer: BaseProducer = self.config().create().unwrap();
        let mut own = OwnedHeaders::new();
        for (key, value) in headers {
            own = own.insert(Header { key, value: *value });
        }
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&at.topic)
            .partition(at.partition)
            .headers(own);
        record.key = key;
        record.payload = value;
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(WITHIN).unwrap();
    }

    async fn put_in_transaction(&self, at: &TopicPartition) {
        let mut config = self.config();
        let producer: BaseProducer = config
            .set("transactional.id", self.fresh_name())
            .create()
            .unwrap();
        producer.init_transactions(WITHIN).unwrap();
        producer.begin_transaction().unwrap();
        let record: BaseRecord<'_, str, str> = BaseRecord::to(&at.topic)
            .partition(at.partition)
            .key("key")
            .payload("in a transaction");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.commit_transaction(WITHIN).unwrap();
    }
}
