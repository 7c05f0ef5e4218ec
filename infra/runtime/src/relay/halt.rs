//! Why a term of leadership, or its stream, ended.

use crate::ports::{LogError, StoreError};

/// Why the relay does not go on as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    /// It is told to end.
    #[error("it is cancelled")]
    Cancelled,
    /// The session is gone, and leadership with it: become a candidate again.
    #[error("leadership is lost: {}", chain(.0))]
    Lost(#[source] StoreError),
    /// The log failed: throw the publisher away and begin again at the checkpoint.
    #[error("{0}")]
    Log(#[source] LogError),
    /// An aggregate whose topic is not among ours yet: begin again with it.
    #[error("events of {0} turned up, which had no topic yet")]
    NewAggregate(String),
    /// Nothing may be published until somebody repairs it.
    #[error("{0}")]
    Stopped(String),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Forked { .. } => Self::Stopped(error.to_string()),
            other => Self::Lost(other),
        }
    }
}

impl From<LogError> for Halt {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// An error and what caused it, as one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
