//! Two processes on one store, and both want the same stock: every hold must be answered, nothing is sold twice, and
//! neither process may starve.

use anyhow::{Result, ensure};

use super::asked::Whom;
use super::site::Site;
use crate::bench::Bench;
use crate::http::{Client, Lane, Version, drive};
use crate::judge::{Of, Promise};
use crate::latency::number;
use crate::plan::Plan;
use crate::sampling::Sampler;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

/// The stock that both want.
const SKU: &str = "tickets";
const ON_HAND: u64 = 1_000_000_000;
/// Holds in flight at each process.
const AT_EACH: usize = 16;
/// The lesser share over the greater.
const SHARE: &str = "lesser share / greater";
/// Below it one of them starves: in a hundred holds fewer than twenty.
const LEAST_SHARE: f64 = 0.25;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "two-processes",
        title: "two processes on one store hold one hot stock",
        cases,
        judge,
    }
}

fn cases(_: &Plan) -> Vec<Case> {
    let sides = vec![
        Side::new("ours", |bench| round(bench, Whom::Ours)),
        Side::new("axum and postgres-es", |bench| round(bench, Whom::Peer)),
    ];
    let name = format!("one hot stock, {AT_EACH} holds in flight at each process");
    vec![Case::new(name, Unit::PerSecond, sides)]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let ours = cases.first().and_then(|case| Of::new(case, "ours"));
    let what = "holds answered by the process that answered fewer / by the other";
    Promise::at_least("two processes", LEAST_SHARE, what)
        .alone(ours, |round| round.more.get(SHARE).copied())
        .into_iter()
        .collect()
}

struct Holding {
    client: Client,
    whom: Whom,
}

impl Lane for Holding {
    async fn step(&mut self) -> Result<()> {
        let answer = self.client.ask(&self.whom.hold(SKU)).await?;
        answer.must_be(201)?;
        Ok(())
    }
}

async fn round(bench: Bench, whom: Whom) -> Result<Measured> {
    let site = Site::fresh(&bench, whom).await?;
    let one = site.open(&bench, "http").await?;
    let two = site.open(&bench, "http").await?;
    let mut client = Client::one(one.address()).await?;
    let receive = whom.receive(SKU, ON_HAND);
    client.ask(&receive).await?.must_be(201)?;
    let mut lanes = Vec::new();
    for address in [one.address(), two.address()] {
        let clients = Client::many(address, Version::One, AT_EACH).await?;
        lanes.extend(clients.into_iter().map(|client| Holding { client, whom }));
    }
    let sampler = Sampler::begin(&bench, &[one.pid(), two.pid()]);
    let driven = drive(lanes, bench.plan.warm_up, bench.plan.length).await?;
    let taken = sampler.end();
    let (first, second) = driven.answered.split_at(AT_EACH);
    let (first, second): (u64, u64) = (first.iter().sum(), second.iter().sum());
    let greater = first.max(second);
    ensure!(greater > 0, "nothing was answered");
    drop((one, two));
    site.check(&bench, driven.all() + 1).await?;
    Ok(Measured::of(driven.rate)
        .and_all(taken)
        .and(SHARE, number(first.min(second)) / number(greater))
        .with_latencies(driven.latencies))
}
