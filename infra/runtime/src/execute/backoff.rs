//! How long to wait before the store is asked again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(1);

/// Doubles from 20 ms to 1 s.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LIMIT);
    }
}
