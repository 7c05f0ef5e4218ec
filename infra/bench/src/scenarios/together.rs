//! Together: how fast commands are carried out while relay, policies and views run in the same process, against the same
//! without them; and against the transactional outbox with its relay and its consumer. All callers are in this process.

use std::time::Instant;

use anyhow::{Result, ensure};
use uuid::Uuid;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::load::drive;
use crate::ours::check_store;
use crate::peers::outbox::Outbox;
use crate::plan::Plan;
use crate::sampling::Sampler;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::whole::Whole;

const WITH: &str = "ours, relay, policies and views running";
const WITHOUT: &str = "ours, engine only";
const OUTBOX: &str = "outbox, its relay and consumer running";
/// Until relay and views had carried what came in.
const CATCH_UP: &str = "caught up after s";
/// What was carried all the way per second, catching up included.
const ALL_THE_WAY: &str = "all the way /s";
/// Commands in flight.
const IN_FLIGHT: usize = 128;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "together",
        title: "commands with relay, policies and views on the same cores",
        cases,
        judge,
    }
}

fn cases(_: &Plan) -> Vec<Case> {
    let sides = vec![
        Side::new(WITH, |bench| ours(bench, true)),
        Side::new(WITHOUT, |bench| ours(bench, false)),
        Side::new(OUTBOX, outbox),
    ];
    let name = format!("many new stocks, {IN_FLIGHT} in flight");
    vec![Case::new(name, Unit::PerSecond, sides)]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let Some(case) = cases.first() else {
        return Vec::new();
    };
    let what = "commands per second with relay, policies and views running / without them";
    Promise::at_least("together", 0.5, what)
        .ratio(Of::new(case, WITH), Of::new(case, WITHOUT))
        .into_iter()
        .collect()
}

async fn ours(bench: Bench, with_everything: bool) -> Result<Measured> {
    let mut whole = Whole::open(&bench, with_everything).await?;
    let asking = whole.asking.clone();
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let begun = Instant::now();
    let driven = drive(&bench.plan, IN_FLIGHT, move |number| {
        let asking = asking.clone();
        async move { asking.receive(format!("sku-{number}")).await }
    })
    .await?;
    let mut measured = driven.measured.and_all(sampler.end());
    let over = Instant::now();
    let expected = whole.before + driven.answered;
    whole.caught_up(expected).await?;
    if let Some(relayed) = whole.relayed(&bench).await? {
        ensure!(
            relayed == expected,
            "{relayed} records in the topics, {expected} events stored"
        );
        let rate = crate::latency::rate(driven.answered, begun.elapsed());
        measured = measured
            .and(CATCH_UP, over.elapsed().as_secs_f64())
            .and(ALL_THE_WAY, rate);
    }
    let store = whole.end(&bench).await?;
    check_store(&store, expected).await?;
    store.close().await;
    Ok(measured)
}

async fn outbox(bench: Bench) -> Result<Measured> {
    let outbox = Outbox::open(&bench, |_| ()).await?;
    let door = outbox.door();
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let begun = Instant::now();
    let driven = drive(&bench.plan, IN_FLIGHT, move |number| {
        let door = door.clone();
        async move { door.receive(Uuid::now_v7(), &format!("sku-{number}")).await }
    })
    .await?;
    let measured = driven.measured.and_all(sampler.end());
    let over = Instant::now();
    outbox.visible(driven.answered).await?;
    let (catch_up, took) = (over.elapsed(), begun.elapsed());
    outbox.finish(driven.answered).await?;
    Ok(measured
        .and(CATCH_UP, catch_up.as_secs_f64())
        .and(ALL_THE_WAY, crate::latency::rate(driven.answered, took)))
}
