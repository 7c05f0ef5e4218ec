//! Waiting longer after each failure, and forgetting that once things went well for a while.

use std::time::Duration;

use tokio::time::Instant;

const LONGEST: Duration = Duration::from_secs(5);
/// Failures further apart than this have nothing to do with each other.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// Doubles from a first wait to 5 s.
pub(crate) struct Backoff {
    first: Duration,
    last: Option<(Instant, Duration)>,
}

impl Backoff {
    pub(crate) fn new(first: Duration) -> Self {
        Self { first, last: None }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let now = Instant::now();
        let wait = match self.last {
            Some((at, wait)) if now.duration_since(at) < FORGOTTEN_AFTER => (wait * 2).min(LONGEST),
            _ => self.first,
        };
        self.last = Some((now, wait));
        wait
    }
}
