//! Closed-loop load over lanes that have something of their own (a connection): each sends its next when the last is
//! answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::latency;
use crate::latency::{histogram, rate};

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// One caller.
pub trait Lane: Send + 'static {
    /// Asks one thing and waits for its answer.
    fn step(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// What the lanes did.
pub struct Driven {
    /// Answers per second within the timed part.
    pub rate: f64,
    /// Nanoseconds from question to answer, within the timed part.
    pub latencies: Histogram<u64>,
    /// Answers in all, the warm-up's too, by lane.
    pub answered: Vec<u64>,
}

impl Driven {
    /// Answers in all.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.answered.iter().sum()
    }
}

/// Drives lanes for a warm-up and then for a length.
pub async fn drive<L: Lane>(lanes: Vec<L>, warm_up: Duration, length: Duration) -> Result<Driven> {
    let phase = Arc::new(AtomicU8::new(WARMING_UP));
    let count = lanes.len();
    let mut running = JoinSet::new();
    for (index, mut lane) in lanes.into_iter().enumerate() {
        let phase = Arc::clone(&phase);
        running.spawn(async move {
            let (mut all, mut timed, mut latencies) = (0, 0_u64, histogram()?);
            while phase.load(Ordering::Relaxed) != OVER {
                let asked = Instant::now();
                lane.step().await?;
                all += 1;
                if phase.load(Ordering::Relaxed) == MEASURING {
                    timed += 1;
                    latency::record(&mut latencies, asked.elapsed());
                }
            }
            Ok::<_, anyhow::Error>((index, all, timed, latencies))
        });
    }
    let timing = async {
        tokio::time::sleep(warm_up).await;
        phase.store(MEASURING, Ordering::Relaxed);
        let begun = Instant::now();
        tokio::time::sleep(length).await;
        phase.store(OVER, Ordering::Relaxed);
        begun.elapsed()
    };
    // A lane that fails ends the round at once.
    let took = tokio::select! {
        took = timing => took,
        Some(ended) = running.join_next() => {
            ended??;
            bail!("a lane of the load ended by itself");
        }
    };
    let (mut answered, mut timed, mut latencies) = (vec![0; count], 0, histogram()?);
    while let Some(lane) = running.join_next().await {
        let (index, all, some, of_lane) = lane??;
        answered[index] = all;
        timed += some;
        latencies.add(of_lane)?;
    }
    Ok(Driven {
        rate: rate(timed, took),
        latencies,
        answered,
    })
}
