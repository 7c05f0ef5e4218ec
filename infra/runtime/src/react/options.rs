//! The limits of reacting, each with its unit and why it is so.

use std::time::Duration;

/// How a context's policies react.
#[derive(Clone, Debug)]
pub struct ReactOptions {
    /// What topics and groups begin with.
    pub prefix: String,
    /// Submissions of one key that may wait for their commit at once: a hot key must fill a batch.
    pub window: usize,
    /// Submissions of the whole context that may wait at once: persons' commands share the engine's queue.
    pub in_flight: usize,
    /// Events held in memory at which reading pauses; it goes on at half. Far above what one fetch brings.
    pub queued_events: usize,
    /// Bytes of events held in memory at which reading pauses; it goes on at half.
    pub queued_bytes: usize,
    /// Records of one partition that may be done ahead of an older one that is not.
    pub ahead: usize,
    /// How long the engine has for a submission. Shorter than a revoke's drain.
    pub deadline: Duration,
    /// Progress is saved so often while it moves …
    pub save_every: Duration,
    /// … or when it moved over so many records.
    pub save_records: usize,
    /// The first wait before a key is tried again; it doubles.
    pub first_wait: Duration,
    /// The longest wait before a key is tried again.
    pub longest_wait: Duration,
    /// Attempts of an event that met no answer before it is parked. (A full queue, a restart or a fork never parks.)
    pub attempts: u32,
    /// How long revoked partitions may take to drain: they go after 20 s in any case.
    pub revoke_drain: Duration,
    /// How long everything in hand may take at shutdown: below 25 s with the leaving.
    pub shutdown_drain: Duration,
    /// How often the context's state and the relay's checkpoint are looked at.
    pub look_every: Duration,
    /// How often parked events that this binary has come to know are looked for.
    pub redrive_every: Duration,
}

impl Default for ReactOptions {
    fn default() -> Self {
        Self {
            prefix: "jangbu.".to_owned(),
            window: 64,
            in_flight: 1_024,
            queued_events: 8_192,
            queued_bytes: 64 << 20,
            ahead: 65_536,
            deadline: Duration::from_secs(10),
            save_every: Duration::from_millis(100),
            save_records: 1_000,
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
            attempts: 8,
            revoke_drain: Duration::from_secs(14),
            shutdown_drain: Duration::from_secs(18),
            look_every: Duration::from_secs(1),
            redrive_every: Duration::from_secs(10),
        }
    }
}

impl ReactOptions {
    /// The wait before the n-th new attempt, from 1.
    pub(super) fn wait(&self, nth: u32) -> Duration {
        let doubled = 1_u32 << nth.saturating_sub(1).min(16);
        self.first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait)
    }

    pub(super) fn group(&self, context: &str) -> String {
        format!("{}policies.{context}", self.prefix)
    }
}
