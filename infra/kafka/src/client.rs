//! What every client of librdkafka tells besides its work: log lines and errors, passed on to tracing.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

/// Says what a client logs under its role, so that "broker down" can be told from one client or all.
pub(crate) fn say(role: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            // A broker that is away is said by whoever is held up, with what it means; here it repeats every second.
            tracing::warn!(target: "jangbu_kafka::librdkafka", role, facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "jangbu_kafka::librdkafka", role, facility, "{message}");
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "jangbu_kafka::librdkafka", role, facility, "{message}");
        }
    }
}

/// Says a client's error. It is not an error of ours yet: librdkafka tries again by itself.
pub(crate) fn say_error(role: &str, error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        // Asked for, and read where it is waited for.
        return;
    }
    tracing::warn!(target: "jangbu_kafka::librdkafka", role, "{error}: {reason}");
}

/// The context of clients that need no other: what they do is in their role's name.
pub(crate) struct Plain(pub(crate) &'static str);

impl ClientContext for Plain {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(self.0, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        say_error(self.0, &error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for Plain {}
