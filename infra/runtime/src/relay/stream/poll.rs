//! When to ask the store for more: at once when somebody says that there is, and now and then without being told.

use std::time::Duration;

use tokio::time::Instant;

/// After a wave the next one waits so long for each of its events, but not longer than this: under load events go out
/// together, as every record that travels alone costs its broker as much as a hundred together. A lone event goes at once.
const PACE: Duration = Duration::from_millis(4);
const PACE_AT_MOST: Duration = Duration::from_millis(50);
/// After something came, more is likely.
const BUSY: Duration = Duration::from_millis(5);
/// Long after.
const IDLE: Duration = Duration::from_millis(200);

pub(super) struct Poll {
    every: Duration,
    next: Instant,
    /// The next wave goes no sooner.
    paced_until: Instant,
    /// A head that was announced and could not be read: no reason to ask again before it is time.
    heard: u64,
    is_deaf: bool,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            every: BUSY,
            next: Instant::now(),
            paced_until: Instant::now(),
            heard: 0,
            is_deaf: false,
        }
    }
}

impl Poll {
    pub(super) fn is_due(&self, head: u64, read: u64) -> bool {
        let now = Instant::now();
        now >= self.paced_until && (head > read.max(self.heard) || now >= self.next)
    }

    /// When to ask without being told; if there is more already, when its time has come.
    pub(super) fn next(&self, head: u64, read: u64) -> Instant {
        if head > read.max(self.heard) {
            self.paced_until
        } else {
            self.next.max(self.paced_until)
        }
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
            let is_all = count < most;
            self.next = if is_all { now + BUSY } else { now };
            self.paced_until = if is_all { now + pace(count) } else { now };
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

/// The pause after a wave of so many events.
fn pace(count: usize) -> Duration {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    PACE.saturating_mul(count).min(PACE_AT_MOST)
}
