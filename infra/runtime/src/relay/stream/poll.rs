//! When to ask the store for more: at once when somebody says that there is, and now and then without being told.

use std::time::Duration;

use tokio::time::Instant;

/// After something came, more is likely.
const BUSY: Duration = Duration::from_millis(5);
/// Long after.
const IDLE: Duration = Duration::from_millis(200);

pub(super) struct Poll {
    every: Duration,
    next: Instant,
    /// A head that was announced and could not be read: no reason to ask again before it is time.
    heard: u64,
    is_deaf: bool,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            every: BUSY,
            next: Instant::now(),
            heard: 0,
            is_deaf: false,
        }
    }
}

impl Poll {
    pub(super) fn is_due(&self, head: u64, read: u64) -> bool {
        head > read.max(self.heard) || Instant::now() >= self.next
    }

    /// When to ask without being told.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// So many came of the most there could be.
    pub(super) fn has_read(&mut self, head: u64, count: usize, most: usize) {
        let now = Instant::now();
        if count == 0 {
            self.heard = head;
            self.next = now + self.every;
            self.every = (self.every * 2).min(IDLE);
        } else {
            self.every = BUSY;
            self.next = if count < most { now + BUSY } else { now };
        }
    }

    /// Nobody announces any more.
    pub(super) fn go_deaf(&mut self) {
        self.is_deaf = true;
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf
    }
}
