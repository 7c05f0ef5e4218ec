//! F10: what a mall takes that has nothing to do, all its roles running, after some work. Watched from outside; PostgreSQL
//! and Kafka are not counted.

use std::time::Duration;

use anyhow::Result;

use super::asked::{Whom, show_when_built};
use super::site::Site;
use crate::bench::Bench;
use crate::child::ALL_ROLES;
use crate::http::Client;
use crate::judge::{Of, Promise};
use crate::plan::Plan;
use crate::sampling::{Sampler, Usage};
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

/// Commands before it is left alone.
const WORK: u64 = 1_000;
/// What the work stirs up settles within this: caches of documents, group sessions.
const SETTLE: Duration = Duration::from_secs(2);
const CPU: &str = "app CPU %";
const AT_START: &str = "app resident at its start MB";

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F10",
        title: "idle: memory and processor of the app",
        cases,
        judge,
    }
}

fn cases(_: &Plan) -> Vec<Case> {
    // One look of a minute says more than five of some seconds.
    let sides = vec![Side::new("ours", round)];
    vec![Case::new("idle with all roles", Unit::Megabytes, sides).at_most(1)]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let ours = cases.first().and_then(|case| Of::new(case, "ours"));
    let memory = Promise::at_most("F10 memory", 100.0, "megabytes resident while idle")
        .alone(ours, |round| Some(round.figure));
    let cpu = Promise::at_most("F10 CPU", 2.0, "per cent of one core while idle")
        .alone(ours, |round| round.more.get(CPU).copied());
    memory.into_iter().chain(cpu).collect()
}

async fn round(bench: Bench) -> Result<Measured> {
    let site = Site::fresh(&bench, Whom::Ours).await?;
    let served = site.open(&bench, ALL_ROLES).await?;
    let at_start = Usage::of(served.pid()).resident_mb;
    let mut client = Client::one(served.address()).await?;
    let mut newest = 0;
    for number in 0..WORK {
        let receive = Whom::Ours.receive(&format!("sku-{number}"), 1);
        let answer = client.ask(&receive).await?.must_be(201)?;
        newest = answer.position.unwrap_or(newest);
    }
    show_when_built(&mut client, "sku-0", newest).await?;
    drop(client);
    tokio::time::sleep(SETTLE).await;
    let sampler = Sampler::begin(&bench, &[served.pid()]);
    tokio::time::sleep(bench.plan.idle).await;
    let taken = sampler.end();
    let resident = Usage::of(served.pid()).resident_mb;
    drop(served);
    site.check(&bench, WORK).await?;
    Ok(Measured::of(resident)
        .and_all(taken)
        .and(AT_START, at_start))
}
