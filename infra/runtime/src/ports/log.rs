//! The log: topics of partitions of records. Kafka outside, a vector in memory.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's full name, prefix included.
    pub topic: std::sync::Arc<str>,
    /// From 0.
    pub partition: i32,
}

/// A record as it was read. Nothing in it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Where it stands.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<Bytes>,
    /// The value's bytes.
    pub value: Option<Bytes>,
    /// Names and values, in order; a value may be missing.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl LogRecord {
    /// The first header of that name, if it has a value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .and_then(|(_, value)| value.as_deref())
    }
}

/// A record on its way out; the borrowed parts are copied once, by the adapter.
#[derive(Debug)]
pub struct OutRecord<'r> {
    /// The topic's full name.
    pub topic: &'r str,
    /// The partition, computed by the relay.
    pub partition: i32,
    /// The key's bytes.
    pub key: &'r [u8],
    /// The value's bytes.
    pub value: &'r [u8],
    /// Names and values.
    pub headers: &'r [(&'r str, &'r str)],
}

/// What became of a record that was handed over.
#[derive(Debug)]
pub struct Delivery {
    /// The tag it was handed over with.
    pub tag: usize,
    /// Its offset, or why it was not taken.
    pub outcome: Result<i64, LogError>,
}

/// Why a record was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The local queue is full: take deliveries, then hand it over again.
    #[error("the producer's queue is full")]
    Full,
    /// This publisher is done for; open another.
    #[error("the producer failed")]
    Failed(#[source] LogError),
}

/// Why the log gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot {what}: {why}")]
pub struct LogError {
    /// What was attempted, with topic, partition and offset where there are any.
    pub what: String,
    /// What the client library says.
    pub why: String,
    /// True where a retry can help.
    pub transient: bool,
}

/// Hands records over, in order per partition, and tells what became of them.
#[async_trait]
pub trait Publisher: Send {
    /// Hands a record over; it is copied, not awaited.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish(&mut self, record: &OutRecord<'_>, tag: usize) -> Result<(), PublishError>;

    /// Waits for at least one delivery, at most `wait`, and adds all there are to `into`.
    async fn deliveries(&mut self, into: &mut Vec<Delivery>, wait: Duration);

    /// Why this publisher is done for, if it is; then nothing that is still in hand will be told of.
    fn failure(&self) -> Option<LogError>;

    /// Throws away whatever is still in hand; what is on its way may still arrive. Ends within seconds.
    async fn purge(self: Box<Self>);
}

/// First offset and end offset (one after the last) of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges {
    /// The first offset that is still there.
    pub low: i64,
    /// One after the last offset given out.
    pub high: i64,
}

/// Reads given partitions from given offsets, without a group. An offset that is not there (retention took it, or it lies
/// beyond the end, which is then another log's) becomes the first that is.
#[async_trait]
pub trait LogReader: Send {
    /// Waits at most `wait` for records and adds at most `limit` to `into`.
    ///
    /// # Errors
    /// [`LogError`] where the log gives no answer. A transient one may be asked again; nothing is lost or doubled by it.
    async fn next(
        &mut self,
        into: &mut Vec<LogRecord>,
        limit: usize,
        wait: Duration,
    ) -> Result<(), LogError>;

    /// The next offset this reader would read in a partition: how far it came, control records included.
    fn position(&self, at: &TopicPartition) -> Option<i64>;
}

/// What a member of a group hears.
#[derive(Debug)]
pub enum SubscriberEvent {
    /// These partitions are ours now. Nothing of them is read before [`Subscriber::start`] is called for each.
    Assigned(Vec<TopicPartition>),
    /// These are about to be taken. Finish what is in hand, then call [`Subscriber::release`]; they go once it is
    /// called or after 20 s.
    Revoked(Vec<TopicPartition>),
    /// These were taken without asking: drop what is in hand.
    Lost(Vec<TopicPartition>),
    /// Records, in order per partition.
    Records(Vec<LogRecord>),
    /// All that was in a partition has been handed out, up to this offset.
    End(TopicPartition, i64),
}

/// A member of a consumer group.
#[async_trait]
pub trait Subscriber: Send {
    /// The next thing to hear; none when nothing came within `wait`.
    async fn next(&mut self, wait: Duration) -> Result<Option<SubscriberEvent>, LogError>;
    /// Begins reading an assigned partition at an offset; as with [`LogReader`], one that is not there becomes the first
    /// that is.
    async fn start(&mut self, at: &TopicPartition, offset: i64) -> Result<(), LogError>;
    /// Lets revoked partitions go.
    async fn release(&mut self, partitions: &[TopicPartition]);
    /// Stops handing out records of a partition, or goes on.
    async fn pause(&mut self, at: &TopicPartition, paused: bool) -> Result<(), LogError>;
    /// Tells the broker how far the group came, for lag tools only.
    async fn note(&mut self, offsets: &[(TopicPartition, i64)]);
    /// Leaves the group; returns when it has left, within seconds.
    async fn leave(self: Box<Self>);
}

/// How a topic is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Full name.
    pub name: String,
    /// Number of partitions, fixed at creation.
    pub partitions: u32,
}

/// The log.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// How many partitions each topic has; none where it does not exist.
    async fn partitions(&self, topics: &[String]) -> Result<Vec<Option<u32>>, LogError>;
    /// Creates those topics that are missing; leaves the others as they are.
    async fn create(&self, topics: &[TopicSpec]) -> Result<(), LogError>;
    /// Opens a publisher.
    async fn publisher(&self) -> Result<Box<dyn Publisher>, LogError>;
    /// The edges of partitions, in the order asked.
    async fn edges(&self, partitions: &[TopicPartition]) -> Result<Vec<Edges>, LogError>;
    /// Takes away all records before these offsets; offsets go on from there.
    async fn forget(&self, before: &[(TopicPartition, i64)]) -> Result<(), LogError>;
    /// Reads partitions from offsets.
    async fn reader(&self, from: &[(TopicPartition, i64)]) -> Result<Box<dyn LogReader>, LogError>;
    /// Joins a group that listens to topics.
    async fn subscriber(
        &self,
        group: &str,
        topics: &[String],
    ) -> Result<Box<dyn Subscriber>, LogError>;
}
