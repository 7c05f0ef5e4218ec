//! A message of librdkafka as a record of the port.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::BytesMut;
use jangbu_runtime::ports::{LogRecord, TopicPartition};
use rdkafka::message::{BorrowedMessage, Headers, Message};

/// Copies what a message holds, all its bytes into one piece of memory; topics are shared, as there are few.
pub(crate) fn copy(message: &BorrowedMessage<'_>, topic: Arc<str>) -> LogRecord {
    let headers = headers(message);
    let (key, value) = (message.key(), message.payload());
    let parts = || {
        let headers = headers.iter().map(|(_, value)| *value);
        [key, value].into_iter().chain(headers).flatten()
    };
    let mut all = BytesMut::with_capacity(parts().map(<[u8]>::len).sum());
    parts().for_each(|part| all.extend_from_slice(part));
    let mut all = all.freeze();
    let mut next = |part: Option<&[u8]>| part.map(|part| all.split_to(part.len()));
    LogRecord {
        at: TopicPartition {
            topic,
            partition: message.partition(),
        },
        offset: message.offset(),
        key: next(key),
        value: next(value),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), next(value)))
            .collect(),
    }
}

/// The headers; none where a name is no UTF-8, on which rdkafka panics: such a record is not ours, and must not end the
/// thread that met it.
fn headers<'m>(message: &'m BorrowedMessage<'_>) -> Vec<(&'m str, Option<&'m [u8]>)> {
    let Some(headers) = message.headers() else {
        return Vec::new();
    };
    catch_unwind(AssertUnwindSafe(|| {
        headers
            .iter()
            .map(|header| (header.key, header.value))
            .collect()
    }))
    .unwrap_or_default()
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
