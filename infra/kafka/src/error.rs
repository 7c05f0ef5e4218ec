//! What librdkafka says, as an error of the port: with topic, partition and offset in the text.

use jangbu_runtime::ports::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// An error of the port. `what` names the place, as librdkafka's own texts do not.
pub(crate) fn log_error(what: impl Into<String>, error: &KafkaError) -> LogError {
    LogError {
        what: what.into(),
        why: error.to_string(),
        transient: is_transient(error),
    }
}

/// The thread that should have answered is gone: only a new client helps.
pub(crate) fn gone(what: impl Into<String>) -> LogError {
    LogError {
        what: what.into(),
        why: "its thread has ended".to_owned(),
        transient: true,
    }
}

/// True where time can help. Unknown errors are taken to pass: a retry with backoff is seen, and a wrong "never" would
/// need a person.
fn is_transient(error: &KafkaError) -> bool {
    !matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::InvalidArgument
                | RDKafkaErrorCode::InvalidPartitions
                | RDKafkaErrorCode::InvalidReplicationFactor
                | RDKafkaErrorCode::InvalidConfig
                | RDKafkaErrorCode::PolicyViolation
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::Fatal
        )
    ) && !matches!(error, KafkaError::ClientConfig(..) | KafkaError::Nul(_))
}
