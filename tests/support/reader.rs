//! A reader of the topics that knows only sections 5 and 10 of architecture.md: headers by their names, and the rule
//! of one integer per partition and `ce_source`.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

/// For the broker to answer, and for everything to be read.
const LIMIT: Duration = Duration::from_secs(30);

/// One record, as far as the rule let it through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it lies.
    pub topic: String,
    /// Where it lies.
    pub partition: i32,
    /// How many partitions there are.
    pub partitions: u32,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Every header.
    pub headers: BTreeMap<String, String>,
}

impl Record {
    /// `ce_position`, or another header that is a number.
    #[must_use]
    pub fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.parse().ok()
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Readout {
    /// Each event once, in the order of its partition.
    pub events: Vec<Record>,
    /// How many records the rule dropped.
    pub duplicates: usize,
    /// Places where the rule saw a loss.
    pub losses: Vec<String>,
    /// How many records are not of this source.
    pub alien: usize,
}

/// Reads topics from their beginning to their end as of now. Waits for topics that do not exist yet.
///
/// # Panics
/// If the broker does not answer.
pub async fn read(brokers: &str, topics: &[String], source: &str) -> Readout {
    let (brokers, topics, source) = (brokers.to_owned(), topics.to_vec(), source.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let mut readout = Readout::default();
        for topic in topics {
            read_topic(&brokers, &topic, &source, &mut readout);
        }
        readout
    });
    read.await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn read_topic(brokers: &str, topic: &str, source: &str, readout: &mut Readout) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // Never joined and nothing is committed; librdkafka wants a name.
        .set("group.id", "a-reader-of-the-tests")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let begun = Instant::now();
    // The relay's first term makes the topics, which is not what a mall waits for before it takes commands.
    let ids: Vec<_> = loop {
        let metadata = consumer
            .fetch_metadata(Some(topic), LIMIT)
            .expect("the broker answers");
        let told = metadata.topics()[0].partitions();
        if !told.is_empty() {
            break told.iter().map(|partition| partition.id()).collect();
        }
        assert!(begun.elapsed() < LIMIT, "there is no topic {topic}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let mut all = TopicPartitionList::new();
    for id in &ids {
        all.add_partition_offset(topic, *id, Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&all).expect("an assignment");

    let partitions = u32::try_from(ids.len()).expect("a count");
    let mut last = HashMap::new();
    let mut ended = 0;
    while ended < partitions {
        assert!(
            begun.elapsed() < LIMIT,
            "{topic} was not read within {LIMIT:?}"
        );
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{topic} cannot be read: {error}"),
            Some(Ok(message)) => hear(record(&message, partitions), source, &mut last, readout),
        }
    }
}

/// The rule of section 5. The first record of a partition is fine whatever was before it.
fn hear(record: Record, source: &str, last: &mut HashMap<i32, u64>, readout: &mut Readout) {
    let ours = record
        .headers
        .get("ce_source")
        .is_some_and(|of| of == source);
    let (Some(position), Some(previous), true) = (
        record.number("ce_position"),
        record.number("ce_previous"),
        ours,
    ) else {
        readout.alien += 1;
        return;
    };
    let known = last.get(&record.partition).copied();
    if known.is_some_and(|last| position <= last) {
        readout.duplicates += 1;
        return;
    }
    if known.is_some_and(|last| previous > last) {
        let Record {
            topic, partition, ..
        } = &record;
        readout.losses.push(format!(
            "{topic}/{partition}: position {position} follows {previous}, but {known:?} was read last"
        ));
    }
    last.insert(record.partition, position);
    readout.events.push(record);
}

fn record(message: &BorrowedMessage<'_>, partitions: u32) -> Record {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().map_or_else(BTreeMap::new, |headers| {
        let pairs = headers.iter();
        pairs
            .map(|header| {
                (
                    header.key.to_owned(),
                    text(header.value.unwrap_or_default()),
                )
            })
            .collect()
    });
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        partitions,
        key: text(message.key().unwrap_or_default()),
        value: message.payload().unwrap_or_default().to_vec(),
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "/jangbu/mall/1";

    /// Reads records of one partition, each a source, its position and the one before it.
    fn read(records: &[(&str, u64, u64)]) -> Readout {
        let (mut last, mut readout) = (HashMap::new(), Readout::default());
        for (source, position, previous) in records {
            let headers = [
                ("ce_source", (*source).to_owned()),
                ("ce_position", position.to_string()),
                ("ce_previous", previous.to_string()),
            ];
            let record = Record {
                topic: "mall.order".to_owned(),
                partition: 0,
                partitions: 1,
                key: String::new(),
                value: Vec::new(),
                headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            };
            hear(record, OURS, &mut last, &mut readout);
        }
        readout
    }

    #[test]
    fn what_was_sent_again_is_read_once() {
        let readout = read(&[
            (OURS, 1, 0),
            (OURS, 3, 1),
            (OURS, 1, 0),
            (OURS, 3, 1),
            (OURS, 4, 3),
        ]);
        assert_eq!(
            (
                readout.events.len(),
                readout.duplicates,
                readout.losses.len()
            ),
            (3, 2, 0)
        );
    }

    #[test]
    fn a_hole_is_seen_but_for_what_was_before_the_first_record() {
        let readout = read(&[(OURS, 7, 5), (OURS, 9, 8)]);
        assert_eq!((readout.events.len(), readout.losses.len()), (2, 1));
    }

    #[test]
    fn positions_of_another_source_are_never_compared() {
        let readout = read(&[(OURS, 1, 0), ("/jangbu/mall/2", 900, 0), (OURS, 2, 1)]);
        assert_eq!(
            (readout.events.len(), readout.alien, readout.losses.len()),
            (2, 1, 0)
        );
    }
}
