//! The log port over Kafka.

use std::sync::Arc;

use async_trait::async_trait;
use jangbu_runtime::ports::{
    Edges, Log, LogError, LogReader, Publisher, Subscriber, TopicPartition, TopicSpec,
};

use crate::KafkaOptions;
use crate::asker::Asker;
use crate::publisher::KafkaPublisher;
use crate::reader::KafkaReader;
use crate::subscriber::KafkaSubscriber;

/// A Kafka cluster. Clones are the same one.
#[derive(Clone)]
pub struct Kafka {
    options: Arc<KafkaOptions>,
    asker: Arc<Asker>,
}

impl Kafka {
    /// Opens a cluster. Brokers are met with the first question, so that this cannot hang.
    ///
    /// # Errors
    /// If librdkafka does not take the configuration.
    pub fn new(options: KafkaOptions) -> Result<Self, LogError> {
        let asker = Asker::new(&options)?;
        Ok(Self {
            options: Arc::new(options),
            asker: Arc::new(asker),
        })
    }
}

#[async_trait]
impl Log for Kafka {
    async fn partitions(&self, topics: &[String]) -> Result<Vec<Option<u32>>, LogError> {
        self.asker.partitions(topics).await
    }

    async fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        self.asker.create(topics, &self.options).await
    }

    async fn publisher(&self) -> Result<Box<dyn Publisher>, LogError> {
        Ok(Box::new(KafkaPublisher::open(&self.options)?))
    }

    async fn edges(&self, partitions: &[TopicPartition]) -> Result<Vec<Edges>, LogError> {
        self.asker.edges(partitions).await
    }

    async fn forget(&self, before: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.asker.forget(before).await
    }

    async fn reader(&self, from: &[(TopicPartition, i64)]) -> Result<Box<dyn LogReader>, LogError> {
        Ok(Box::new(
            KafkaReader::open(&self.options, &self.asker, from).await?,
        ))
    }

    async fn subscriber(
        &self,
        group: &str,
        topics: &[String],
    ) -> Result<Box<dyn Subscriber>, LogError> {
        Ok(Box::new(KafkaSubscriber::join(
            &self.options,
            Arc::clone(&self.asker),
            group,
            topics,
        )?))
    }
}
