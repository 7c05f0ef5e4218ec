//! Closed-loop load: so many commands in flight, each lane sends its next when the last is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Each command receives one piece of a SKU of its own.
    ManyStocks,
    /// All commands hold one piece of one SKU, each for another order.
    HotStock,
}

/// Drives `send(lane, n)` for a warm-up and then for `length`.
/// Returns answered commands per second within `length`, and all commands that were answered.
pub async fn drive<S, F>(in_flight: usize, length: Duration, send: S) -> Result<(f64, u64)>
where
    S: Fn(u64) -> F + Send + Sync + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let send = Arc::new(send);
    let next = Arc::new(AtomicU64::new(0));
    let answered = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut lanes = JoinSet::new();
    for _ in 0..in_flight {
        let (send, next, answered, stop) =
            (send.clone(), next.clone(), answered.clone(), stop.clone());
        lanes.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                send(next.fetch_add(1, Ordering::Relaxed)).await?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    tokio::time::sleep(length / 4).await;
    let (began, before) = (Instant::now(), answered.load(Ordering::Relaxed));
    tokio::time::sleep(length).await;
    let (took, after) = (began.elapsed(), answered.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate need not be exact to the last command"
    )]
    let rate = (after - before) as f64 / took.as_secs_f64();
    Ok((rate, answered.load(Ordering::Relaxed)))
}
