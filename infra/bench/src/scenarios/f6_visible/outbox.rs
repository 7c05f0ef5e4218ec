//! The outbox, called in this process: no HTTP stands before it, which is in its favour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{LANES, Measured, measured, ticks};
use crate::bench::Bench;
use crate::http::tick;
use crate::latency::histogram;
use crate::latency::record;
use crate::peers::outbox::Outbox;

/// Commands before the metronome begins.
const FIRST: u64 = 50;
/// Nothing takes longer to become visible.
const LIMIT: Duration = Duration::from_secs(120);

/// When each was meant to be stored, and how long it took to be seen.
struct Meant {
    at: HashMap<Uuid, Instant>,
    latencies: Histogram<u64>,
}

pub(super) async fn round(bench: Bench, rate: u64) -> Result<Measured> {
    let meant = Arc::new(Mutex::new(Meant {
        at: HashMap::new(),
        latencies: histogram()?,
    }));
    let seen = Arc::clone(&meant);
    let outbox = Outbox::open(&bench, move |ids| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Some(at) = seen.at.remove(id) {
                record(&mut seen.latencies, at.elapsed());
            }
        }
    })
    .await?;
    let door = outbox.door();
    for number in 0..FIRST {
        door.receive(Uuid::now_v7(), &format!("first-{number}"))
            .await?;
    }
    outbox.visible(FIRST).await?;
    let (all, warm_up) = ticks(&bench, rate);
    let metronome = tick(rate, all);
    let mut posters = JoinSet::new();
    for _ in 0..LANES {
        let (door, metronome, meant) = (door.clone(), metronome.clone(), Arc::clone(&meant));
        posters.spawn(async move {
            loop {
                let Some(tick) = metronome.lock().await.recv().await else {
                    return Ok::<_, anyhow::Error>(());
                };
                let id = Uuid::now_v7();
                if tick.number >= warm_up {
                    let mut meant = meant.lock().unwrap_or_else(PoisonError::into_inner);
                    meant.at.insert(id, tick.meant);
                }
                door.receive(id, &format!("sku-{}", tick.number)).await?;
            }
        });
    }
    while let Some(ended) = posters.join_next().await {
        ended??;
    }
    tokio::time::timeout(LIMIT, outbox.finish(FIRST + all))
        .await
        .with_context(|| format!("not everything was seen within {LIMIT:?}"))??;
    let latencies = {
        let meant = meant.lock().unwrap_or_else(PoisonError::into_inner);
        meant.latencies.clone()
    };
    ensure!(
        latencies.len() == all - warm_up,
        "{} were seen of {}",
        latencies.len(),
        all - warm_up
    );
    Ok(measured(latencies))
}
