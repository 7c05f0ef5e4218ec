//! What may go wrong between a process and the log; the simulation decides by its seed.

use std::time::Duration;

/// What a process is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOperation {
    /// Ask about topics and edges, open a reader, join a group.
    Ask,
    /// Send what was handed to a publisher.
    Publish,
    /// Read.
    Read,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogFate {
    /// It takes so long.
    pub delay: Duration,
    /// It fails. Of what was handed to a publisher, the first `written` records are in the log all the same.
    pub fails: bool,
    /// So many records of those in hand are written by one sending, or before it fails.
    pub written: usize,
    /// After the publisher was thrown away, so many of those still in hand arrive, this much later.
    pub arrives_late: Option<(usize, Duration)>,
}

impl Default for LogFate {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            fails: false,
            written: usize::MAX,
            arrives_late: None,
        }
    }
}

/// Decides what becomes of each operation.
pub trait LogFaults: Send + Sync + 'static {
    /// The fate of one operation.
    fn fate(&self, operation: LogOperation) -> LogFate;
}

/// Everything works, at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLogFaults;

impl LogFaults for NoLogFaults {
    fn fate(&self, _: LogOperation) -> LogFate {
        LogFate::default()
    }
}
