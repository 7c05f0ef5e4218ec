//! Closed-loop load: so many commands in flight, each lane sends its next when the last is answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::latency::{histogram, rate, record};
use crate::plan::Plan;
use crate::scenario::Measured;

/// Lanes share histograms, so that thousands of lanes do not need thousands of them.
const HISTOGRAMS: usize = 8;
/// What a load did.
pub struct Driven {
    /// Answered commands per second, and their latencies, within the timed part.
    pub measured: Measured,
    /// All that were answered, also before and after the timed part.
    pub answered: u64,
}

/// Drives `send(n)`, n = 0, 1, 2 …, for the plan's warm-up and then for its length.
pub async fn drive<S, F>(plan: &Plan, in_flight: usize, send: S) -> Result<Driven>
where
    S: Fn(u64) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let shared = Arc::new(Shared {
        send,
        next: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        timed: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        latencies: (0..HISTOGRAMS)
            .map(|_| histogram().map(Mutex::new))
            .collect::<Result<_>>()?,
    });
    let mut lanes = JoinSet::new();
    for lane in 0..in_flight {
        lanes.spawn(Arc::clone(&shared).lane(lane));
    }
    let timing = async {
        tokio::time::sleep(plan.warm_up).await;
        shared.timed.store(true, Ordering::Relaxed);
        let (began, before) = (Instant::now(), shared.answered.load(Ordering::Relaxed));
        tokio::time::sleep(plan.length).await;
        let (took, after) = (began.elapsed(), shared.answered.load(Ordering::Relaxed));
        shared.timed.store(false, Ordering::Relaxed);
        rate(after - before, took)
    };
    // A lane that fails ends the round at once.
    let figure = tokio::select! {
        figure = timing => figure,
        Some(ended) = lanes.join_next() => {
            ended??;
            anyhow::bail!("a lane of the load ended by itself");
        }
    };
    shared.stop.store(true, Ordering::Relaxed);
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    let mut latencies = histogram()?;
    for part in &shared.latencies {
        let part = part.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.add(&*part).context("histograms of one shape")?;
    }
    Ok(Driven {
        measured: Measured::of(figure).with_latencies(latencies),
        answered: shared.answered.load(Ordering::Relaxed),
    })
}

struct Shared<S> {
    send: S,
    next: AtomicU64,
    answered: AtomicU64,
    timed: AtomicBool,
    stop: AtomicBool,
    latencies: Vec<Mutex<Histogram<u64>>>,
}

impl<S, F> Shared<S>
where
    S: Fn(u64) -> F,
    F: Future<Output = Result<()>>,
{
    async fn lane(self: Arc<Self>, lane: usize) -> Result<()> {
        let latencies = &self.latencies[lane % HISTOGRAMS];
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            (self.send)(self.next.fetch_add(1, Ordering::Relaxed)).await?;
            let took = began.elapsed();
            self.answered.fetch_add(1, Ordering::Relaxed);
            if self.timed.load(Ordering::Relaxed) {
                let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
                record(&mut latencies, took);
            }
        }
        Ok(())
    }
}
