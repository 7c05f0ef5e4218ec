//! Open-loop load: a metronome that ticks at a fixed rate whatever becomes of the ticks.
//!
//! Each tick says when it was meant to be. Whoever counts latency from there counts the time a request had to wait for its
//! turn as well: a stalled system is not asked less (coordinated omission).

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

/// One tick.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// From 0.
    pub number: u64,
    /// When it was meant to be.
    pub meant: Instant,
}

/// Where ticks are taken from, one taker at a time.
pub type Metronome = Arc<Mutex<mpsc::UnboundedReceiver<Tick>>>;

/// Ticks at a rate, for a number of ticks. It has a thread of its own, because the runtime's timer knows milliseconds only.
#[must_use]
pub fn tick(per_second: u64, ticks: u64) -> Metronome {
    let (send, take) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let begun = Instant::now();
        for number in 0..ticks {
            let meant = begun + Duration::from_nanos(number * 1_000_000_000 / per_second.max(1));
            if let Some(left) = meant.checked_duration_since(Instant::now()) {
                std::thread::sleep(left);
            }
            if send.send(Tick { number, meant }).is_err() {
                return;
            }
        }
    });
    Arc::new(Mutex::new(take))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ticks_are_meant_to_be_evenly_apart() {
        let metronome = tick(1_000, 3);
        let mut take = metronome.lock().await;
        let first = take.recv().await.expect("a tick");
        let second = take.recv().await.expect("a tick");
        assert_eq!(second.meant - first.meant, Duration::from_millis(1));
        assert_eq!(take.recv().await.expect("a tick").number, 2);
        assert!(take.recv().await.is_none());
    }
}
