//! Time and event ids, as parameters: the simulation turns both by a seed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where time and event ids come from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> DateTime<Utc>;
    /// A fresh, time-ordered id (UUID v7).
    fn event_id(&self) -> Uuid;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn event_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
