//! F4: POST → 201, over connections that are kept alive. Both malls are processes of their own; nothing but HTTP, engine
//! and store runs in ours, and no view in the peer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use super::asked::Whom;
use super::site::Site;
use crate::bench::Bench;
use crate::http::{Client, Lane, Version, drive};
use crate::judge::{Of, Promise};
use crate::latency::number;
use crate::plan::Plan;
use crate::sampling::Sampler;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

const OURS: &str = "ours";
const PEER: &str = "axum and postgres-es";
const CHART: &str = "HTTP: POST to 201";

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F4",
        title: "HTTP: POST to 201 over connections that are kept alive",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [Version::One, Version::Two] {
        for &count in &plan.connections {
            let sides = vec![
                Side::new(OURS, move |bench| round(bench, Whom::Ours, version, count)),
                Side::new(PEER, move |bench| round(bench, Whom::Peer, version, count)),
            ];
            let name = match version {
                Version::One => format!("HTTP/1.1, {count} connections"),
                Version::Two => format!("HTTP/2, {count} requests in flight"),
            };
            let case = Case::new(name, Unit::PerSecond, sides);
            cases.push(match version {
                Version::One => case
                    .at(CHART, "connections", number(count as u64))
                    .with_curves(),
                Version::Two => case,
            });
        }
    }
    cases
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let of = |version: &'static str| move |case: &&CaseResult| case.name.starts_with(version);
    let best = |version, side| Of::best(cases.iter().filter(of(version)), side);
    let promise = |name, what: &str| {
        Promise::at_least(
            name,
            5.0,
            format!(
                "POST to 201 over {what}, ours / axum and postgres-es, at the best concurrency of each"
            ),
        )
    };
    let one = promise("F4", "HTTP/1.1").ratio(best("HTTP/1.1", OURS), best("HTTP/1.1", PEER));
    let two = promise("F4 HTTP/2", "HTTP/2").ratio(best("HTTP/2", OURS), best("HTTP/2", PEER));
    one.into_iter().chain(two).collect()
}

struct Receiving {
    client: Client,
    whom: Whom,
    next: Arc<AtomicU64>,
}

impl Lane for Receiving {
    async fn step(&mut self) -> Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let receive = self.whom.receive(&format!("sku-{number}"), 1);
        self.client.ask(&receive).await?.must_be(201)?;
        Ok(())
    }
}

async fn round(bench: Bench, whom: Whom, version: Version, count: usize) -> Result<Measured> {
    let site = Site::fresh(&bench, whom).await?;
    let served = site.open(&bench, "http").await?;
    let next = Arc::new(AtomicU64::new(0));
    let clients = Client::many(served.address(), version, count).await?;
    let lanes = clients
        .into_iter()
        .map(|client| Receiving {
            client,
            whom,
            next: Arc::clone(&next),
        })
        .collect();
    let sampler = Sampler::begin(&bench, &[served.pid()]);
    let driven = drive(lanes, bench.plan.warm_up, bench.plan.length).await?;
    let measured = Measured::of(driven.rate).and_all(sampler.end());
    drop(served);
    site.check(&bench, driven.all()).await?;
    Ok(measured.with_latencies(driven.latencies))
}
