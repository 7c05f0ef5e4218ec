//! Every property of librdkafka that we set, and why it is what it is.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::KafkaOptions;

/// Longest silence of a broker that a single question waits out.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A stored event has at most 900 kB; headers and framing come on top, and Kafka's limit must never meet one.
pub(crate) const RECORD_LIMIT_BYTES: u32 = 2 * 1024 * 1024;
/// librdkafka's own limit of records in hand; the relay's window is smaller.
const QUEUE_RECORDS: u32 = 200_000;
/// And of bytes.
const QUEUE_KILOBYTES: u32 = 256 * 1024;

/// What all clients share. The deployment's own properties go first, so that ours win.
fn common(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", &options.client_id);
    for (name, value) in &options.extra {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &options.brokers)
        // A broker that restarts is found again within a second, not within ten.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "1000")
        .set("socket.keepalive.enable", "true");
    config
}

/// A client that only asks: metadata, offsets.
pub(crate) fn asker(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("allow.auto.create.topics", "false")
        .set("isolation.level", "read_uncommitted")
        .set("enable.auto.commit", "false");
    config
}

/// The client that makes topics.
pub(crate) fn admin(options: &KafkaOptions) -> ClientConfig {
    common(options)
}

/// The relay's producer.
pub(crate) fn producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // A record that is given up leaves a hole while later ones pass: never give up by time, and where one fails for
        // good, fail the whole producer.
        .set("message.timeout.ms", "0")
        .set("enable.gapless.guarantee", "true")
        .set("compression.type", "lz4")
        // Batches form while earlier ones are on their way; waiting longer would only be felt by a lone record.
        .set("linger.ms", "0.5")
        .set("message.max.bytes", RECORD_LIMIT_BYTES.to_string())
        .set("queue.buffering.max.messages", QUEUE_RECORDS.to_string())
        .set("queue.buffering.max.kbytes", QUEUE_KILOBYTES.to_string())
        // How long a topic may be missing before its records fail: one that was wiped is noticed in seconds.
        .set("topic.metadata.propagation.max.ms", "5000");
    config
}

/// A reader without a group.
pub(crate) fn reader(options: &KafkaOptions) -> ClientConfig {
    let mut config = consumer(options);
    // librdkafka wants a group even where partitions are assigned by hand; nobody joins it.
    config
        .set("group.id", format!("{}.reader", options.client_id))
        .set("queued.max.messages.kbytes", "32768");
    config
}

/// A member of a group.
pub(crate) fn member(options: &KafkaOptions, group: &str) -> ClientConfig {
    let mut config = consumer(options);
    config
        .set("group.id", group)
        // The new protocol (KIP-848) is not to be trusted with the librdkafka that is bundled.
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "10000")
        // A member hears of a rebalance with its next heartbeat: so long a newcomer waits at least.
        .set("heartbeat.interval.ms", "1000")
        .set("max.poll.interval.ms", "120000")
        .set("queued.max.messages.kbytes", "32768");
    config
}

fn consumer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("allow.auto.create.topics", "false")
        // The default is the end: a reader whose offset retention took would miss what is still there.
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        // Ours are never in a transaction, and a stranger's open one must not hold us up.
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true")
        // An idle consumer asks each broker so often; what comes is told at once in any case.
        .set("fetch.wait.max.ms", "250")
        .set("fetch.message.max.bytes", RECORD_LIMIT_BYTES.to_string())
        // The default of a second is felt after every pause of a partition.
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.error.backoff.ms", "100");
    config
}
