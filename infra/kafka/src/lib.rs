//! Kafka behind the log port: topics, the relay's producer, readers without a group and members of one.
//!
//! Only `BaseConsumer` and `BaseProducer` are used, each on one OS thread of its own: `StreamConsumer` can miss
//! wake-ups, `split_partition_queue` can stall a partition for ever, and `FutureProducer` can reorder.

mod kafka;
mod options;
mod settings;

mod publisher;
mod reader;
mod subscriber;

mod asker;
mod client;
mod error;
mod record;
mod thread;

pub use kafka::Kafka;
pub use options::KafkaOptions;
