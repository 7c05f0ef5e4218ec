//! Mixed: nine reads of a view for every write, over a working set; everything runs in both processes. Ours shows a view as
//! of a position it says, the peer's writes it in the command's own call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::asked::{Whom, show_when_built};
use super::site::Site;
use crate::bench::Bench;
use crate::child::{ALL_ROLES, Served};
use crate::http::{Client, Lane, Version, drive};
use crate::plan::Plan;
use crate::sampling::Sampler;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

/// SKUs; each is received once before the load begins.
const SKUS: u64 = 1_000;
const QUICK_SKUS: u64 = 100;
/// One of so many requests is a write.
const WRITE_EVERY: u64 = 10;
/// Connections that receive the SKUs.
const PREPARING: usize = 32;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "mixed",
        title: "nine reads for every write over HTTP, with relay, policies and views running",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let count = plan.connections.first().copied().unwrap_or(1);
    let sides = vec![
        Side::new("ours", move |bench| round(bench, Whom::Ours, count)),
        Side::new("axum and postgres-es", move |bench| {
            round(bench, Whom::Peer, count)
        }),
    ];
    let name = format!("9 reads : 1 write, {count} connections");
    vec![Case::new(name, Unit::PerSecond, sides).with_curves()]
}

fn judge(_: &[CaseResult]) -> Vec<Verdict> {
    Vec::new()
}

struct Mixing {
    client: Client,
    whom: Whom,
    skus: u64,
    dice: SmallRng,
    writes: Arc<AtomicU64>,
}

impl Lane for Mixing {
    async fn step(&mut self) -> Result<()> {
        let sku = format!("sku-{}", self.dice.random_range(0..self.skus));
        if self.dice.random_range(0..WRITE_EVERY) == 0 {
            let receive = self.whom.receive(&sku, 1);
            self.client.ask(&receive).await?.must_be(201)?;
            self.writes.fetch_add(1, Ordering::Relaxed);
        } else {
            self.client.ask(&self.whom.show(&sku)).await?.must_be(200)?;
        }
        Ok(())
    }
}

async fn round(bench: Bench, whom: Whom, count: usize) -> Result<Measured> {
    let site = Site::fresh(&bench, whom).await?;
    let served = site.open(&bench, ALL_ROLES).await?;
    let skus = if bench.plan.quick { QUICK_SKUS } else { SKUS };
    prepare(&served, whom, skus).await?;
    let writes = Arc::new(AtomicU64::new(skus));
    let clients = Client::many(served.address(), Version::One, count).await?;
    let lanes = clients.into_iter().zip(0..).map(|(client, seed)| Mixing {
        client,
        whom,
        skus,
        dice: SmallRng::seed_from_u64(seed),
        writes: Arc::clone(&writes),
    });
    let lanes = lanes.collect();
    let sampler = Sampler::begin(&bench, &[served.pid()]);
    let driven = drive(lanes, bench.plan.warm_up, bench.plan.length).await?;
    let measured = Measured::of(driven.rate).and_all(sampler.end());
    let written = writes.load(Ordering::Relaxed);
    drop(served);
    site.check(&bench, written).await?;
    Ok(measured.with_latencies(driven.latencies))
}

/// Receives each SKU once, and waits until all of them can be seen.
async fn prepare(served: &Served, whom: Whom, skus: u64) -> Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut receiving = tokio::task::JoinSet::new();
    for mut client in Client::many(served.address(), Version::One, PREPARING).await? {
        let next = Arc::clone(&next);
        receiving.spawn(async move {
            let mut newest = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= skus {
                    return Ok::<_, anyhow::Error>(newest);
                }
                let receive = whom.receive(&format!("sku-{number}"), 1);
                let answer = client.ask(&receive).await?.must_be(201)?;
                newest = newest.max(answer.position);
            }
        });
    }
    let mut newest = None;
    while let Some(ended) = receiving.join_next().await {
        newest = newest.max(ended??);
    }
    if whom == Whom::Ours {
        let newest = newest.context("an answer has a position")?;
        ensure!(newest >= skus, "{newest} is the newest position of {skus}");
        let mut client = Client::one(served.address()).await?;
        show_when_built(&mut client, "sku-0", newest).await?;
    }
    Ok(())
}
