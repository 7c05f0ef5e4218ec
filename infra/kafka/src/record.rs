//! A message of librdkafka as a record of the port.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use jangbu_runtime::ports::{LogRecord, TopicPartition};
use rdkafka::message::{BorrowedMessage, Headers, Message};

/// Copies what a message holds; topics are shared, as there are few and they repeat.
pub(crate) fn copy(message: &BorrowedMessage<'_>, topic: Arc<str>) -> LogRecord {
    LogRecord {
        at: TopicPartition {
            topic,
            partition: message.partition(),
        },
        offset: message.offset(),
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
        headers: headers(message),
    }
}

/// The headers; none where a name is no UTF-8, on which rdkafka panics: such a record is not ours, and must not end the
/// thread that met it.
fn headers(message: &BorrowedMessage<'_>) -> Vec<(String, Option<Bytes>)> {
    let Some(headers) = message.headers() else {
        return Vec::new();
    };
    let copied = catch_unwind(AssertUnwindSafe(|| {
        headers
            .iter()
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.map(Bytes::copy_from_slice),
                )
            })
            .collect()
    }));
    copied.unwrap_or_default()
}

/// The shared text of a topic's name.
#[derive(Default)]
pub(crate) struct Names(Vec<Arc<str>>);

impl Names {
    pub(crate) fn get(&mut self, topic: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == topic) {
            return Arc::clone(known);
        }
        let name: Arc<str> = topic.into();
        self.0.push(Arc::clone(&name));
        name
    }
}
