//! Questions about topics: how many partitions, where they begin and end; and making topics.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jangbu_runtime::ports::{Edges, LogError, TopicPartition, TopicSpec};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::KafkaOptions;
use crate::client::Plain;
use crate::error::log_error;
use crate::settings::{self, ANSWER_WITHIN};
use crate::thread::ask;

/// How long partitions may be without a leader before that is an error.
const LEADERS_WITHIN: Duration = Duration::from_secs(5);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A consumer without a group and an admin client; both only ask.
pub(crate) struct Asker {
    consumer: Arc<BaseConsumer<Plain>>,
    admin: AdminClient<Plain>,
}

impl Asker {
    pub(crate) fn new(options: &KafkaOptions) -> Result<Self, LogError> {
        let consumer = settings::asker(options)
            .create_with_context(Plain("asker"))
            .map_err(|error| log_error("open a client", &error))?;
        let admin = settings::admin(options)
            .create_with_context(Plain("admin"))
            .map_err(|error| log_error("open an admin client", &error))?;
        Ok(Self {
            consumer: Arc::new(consumer),
            admin,
        })
    }

    pub(crate) async fn partitions(&self, topics: &[String]) -> Result<Vec<Option<u32>>, LogError> {
        let consumer = Arc::clone(&self.consumer);
        let topics = topics.to_vec();
        ask(move || {
            topics
                .iter()
                .map(|topic| partitions(&consumer, topic))
                .collect()
        })
        .await
    }

    pub(crate) async fn edges(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Edges>, LogError> {
        let consumer = Arc::clone(&self.consumer);
        let partitions = partitions.to_vec();
        ask(move || edges(&consumer, &partitions)).await
    }

    /// Deletes records, as retention does.
    pub(crate) async fn forget(&self, before: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        if before.is_empty() {
            return Ok(());
        }
        let mut offsets = TopicPartitionList::with_capacity(before.len());
        for (at, offset) in before {
            offsets
                .add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))
                .map_err(|error| log_error("delete records", &error))?;
        }
        let limits = AdminOptions::new()
            .request_timeout(Some(ANSWER_WITHIN))
            .operation_timeout(Some(ANSWER_WITHIN));
        let deleted = self.admin.delete_records(&offsets, &limits).await;
        let deleted = deleted.map_err(|error| log_error("delete records", &error))?;
        for partition in deleted.elements() {
            let (topic, number) = (partition.topic(), partition.partition());
            partition.error().map_err(|error| {
                log_error(
                    format!("delete records of topic {topic} partition {number}"),
                    &error,
                )
            })?;
        }
        Ok(())
    }

    /// Creates what is missing. `LogAppendTime`, because Kafka refuses or deletes by a producer's clock that is off; ours
    /// is told in `ce_time`.
    pub(crate) async fn create(
        &self,
        topics: &[TopicSpec],
        options: &KafkaOptions,
    ) -> Result<(), LogError> {
        if topics.is_empty() {
            return Ok(());
        }
        let retention = options.retention_ms.to_string();
        let limit = settings::RECORD_LIMIT_BYTES.to_string();
        let copies = i32::from(options.replication_factor);
        let wanted: Vec<_> = topics
            .iter()
            .map(|topic| {
                let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
                NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(copies))
                    .set("cleanup.policy", "delete")
                    .set("message.timestamp.type", "LogAppendTime")
                    .set("retention.ms", &retention)
                    .set("max.message.bytes", &limit)
            })
            .collect();
        let limits = AdminOptions::new()
            .request_timeout(Some(ANSWER_WITHIN))
            .operation_timeout(Some(ANSWER_WITHIN));
        let made = self.admin.create_topics(&wanted, &limits).await;
        for result in made.map_err(|error| log_error("create topics", &error))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(log_error(
                        format!("create topic {topic}"),
                        &KafkaError::AdminOp(code),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn partitions(consumer: &BaseConsumer<Plain>, topic: &str) -> Result<Option<u32>, LogError> {
    let asked = format!("tell the partitions of topic {topic}");
    let metadata = consumer
        .fetch_metadata(Some(topic), ANSWER_WITHIN)
        .map_err(|error| log_error(&asked, &error))?;
    let Some(told) = metadata.topics().iter().find(|told| told.name() == topic) else {
        return Ok(None);
    };
    match told.error().map(RDKafkaErrorCode::from) {
        None => Ok(u32::try_from(told.partitions().len())
            .ok()
            .filter(|count| *count > 0)),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Ok(None)
        }
        Some(code) => Err(log_error(asked, &KafkaError::MetadataFetch(code))),
    }
}

/// Asks for both edges of all partitions in two questions. To ask for the time "first" or "last" gives the edge itself.
fn edges(
    consumer: &BaseConsumer<Plain>,
    partitions: &[TopicPartition],
) -> Result<Vec<Edges>, LogError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let low = patiently(consumer, partitions, Offset::Beginning, "first")?;
    let high = patiently(consumer, partitions, Offset::End, "last")?;
    // Asked one after the other: what retention took in between must not turn them round.
    Ok(low
        .into_iter()
        .zip(high)
        .map(|(low, high)| Edges {
            low: low.min(high),
            high,
        })
        .collect())
}

/// Asks again while it is not known who leads a partition: of a new topic and after a fail-over that is so for a moment.
fn patiently(
    consumer: &BaseConsumer<Plain>,
    partitions: &[TopicPartition],
    edge: Offset,
    name: &str,
) -> Result<Vec<i64>, LogError> {
    let deadline = Instant::now() + LEADERS_WITHIN;
    loop {
        match offsets(consumer, partitions, edge, name) {
            Err(Unanswered {
                code: Some(code), ..
            }) if is_leaderless(code) && Instant::now() < deadline => {
                std::thread::sleep(ASK_AGAIN_AFTER);
                for topic in topics(partitions) {
                    // Only so that librdkafka learns who leads now; what it says shows in the next answer.
                    let _ = consumer.fetch_metadata(Some(topic), ANSWER_WITHIN);
                }
            }
            answer => return answer.map_err(|unanswered| unanswered.error),
        }
    }
}

fn topics(partitions: &[TopicPartition]) -> BTreeSet<&str> {
    partitions.iter().map(|at| &*at.topic).collect()
}

fn is_leaderless(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
            | RDKafkaErrorCode::OffsetNotAvailable
    )
}

/// No answer, and librdkafka's reason where it gave one.
struct Unanswered {
    error: LogError,
    code: Option<RDKafkaErrorCode>,
}

impl Unanswered {
    fn new(what: String, error: &KafkaError) -> Self {
        Self {
            error: log_error(what, error),
            code: error.rdkafka_error_code(),
        }
    }
}

fn offsets(
    consumer: &BaseConsumer<Plain>,
    partitions: &[TopicPartition],
    edge: Offset,
    name: &str,
) -> Result<Vec<i64>, Unanswered> {
    let asked = |at: &TopicPartition| {
        format!(
            "tell the {name} offset of topic {} partition {}",
            at.topic, at.partition
        )
    };
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for at in partitions {
        list.add_partition_offset(&at.topic, at.partition, edge)
            .map_err(|error| Unanswered::new(asked(at), &error))?;
    }
    let told = consumer
        .offsets_for_times(list, ANSWER_WITHIN)
        .map_err(|error| {
            let topics: Vec<_> = topics(partitions).into_iter().collect();
            Unanswered::new(
                format!("tell the {name} offsets of {}", topics.join(", ")),
                &error,
            )
        })?;
    let mut by_place = HashMap::with_capacity(partitions.len());
    for element in told.elements() {
        by_place.insert(
            (element.topic().to_owned(), element.partition()),
            (element.offset(), element.error()),
        );
    }
    let mut offset =
        |at: &TopicPartition| match by_place.remove(&(at.topic.to_string(), at.partition)) {
            Some((Offset::Offset(offset), Ok(()))) => Ok(offset),
            Some((_, Err(error))) => Err(Unanswered::new(asked(at), &error)),
            other => {
                let why = format!("the answer is {:?}", other.map(|(offset, _)| offset));
                Err(Unanswered {
                    error: LogError {
                        what: asked(at),
                        why,
                        transient: true,
                    },
                    code: None,
                })
            }
        };
    partitions.iter().map(&mut offset).collect()
}
