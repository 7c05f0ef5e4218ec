//! What a deployment decides about its Kafka.

use std::collections::BTreeMap;

/// Which Kafka, and how topics are made there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `bootstrap.servers`: `host:port`, comma-separated.
    pub brokers: String,
    /// What brokers and their logs call this process.
    pub client_id: String,
    /// Copies of each partition of topics that are created here.
    pub replication_factor: u16,
    /// How long records stay, in milliseconds; -1 for ever.
    pub retention_ms: i64,
    /// Further properties of librdkafka, passed on as they stand: `security.protocol`, `sasl.username` and the like.
    /// Those that the promises of the log rest on cannot be changed.
    pub extra: BTreeMap<String, String>,
}

impl KafkaOptions {
    /// A Kafka with one copy of everything, kept for ever: what a developer's machine has.
    pub fn at(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "jangbu".to_owned(),
            replication_factor: 1,
            retention_ms: -1,
            extra: BTreeMap::new(),
        }
    }
}
