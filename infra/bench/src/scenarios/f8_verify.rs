//! F8: verifying the ledger, against reading it and hashing what was read.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use jangbu_postgres::verify;
use jangbu_runtime::hash;
use jangbu_runtime::ports::EventStore;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::rate;
use crate::ours::open_store;
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::stored::Stored;

/// Events of one read, as verify has it.
const PAGE: usize = 5_000;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F8",
        title: "audit verify, against reading and hashing alone",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let stored = Stored::new(plan.stored);
    let read = stored.clone();
    let sides = vec![
        Side::new("ours", move |bench| ours(bench, stored.clone())),
        Side::new("reading and hashing alone", move |bench| {
            reading(bench, read.clone())
        }),
    ];
    vec![Case::new(
        format!("verify {} events", plan.stored),
        Unit::PerSecond,
        sides,
    )]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    Promise::at_least("F8", 0.5, "events/s, ours / reading and hashing alone")
        .ratio(
            Of::best(cases, "ours"),
            Of::best(cases, "reading and hashing alone"),
        )
        .into_iter()
        .collect()
}

async fn ours(bench: Bench, stored: Stored) -> Result<Measured> {
    let store = open_store(stored.get(&bench).await?).await?;
    let began = Instant::now();
    let report = verify(&store, |_, _| ()).await?;
    let figure = rate(report.events, began.elapsed());
    store.close().await;
    ensure!(
        report.is_sound() && report.events == stored.events,
        "ours: {report}"
    );
    Ok(Measured::of(figure))
}

async fn reading(bench: Bench, stored: Stored) -> Result<Measured> {
    let store = open_store(stored.get(&bench).await?).await?;
    let began = Instant::now();
    let mut after = 0;
    loop {
        let events = store.read(after, PAGE).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        for event in &events {
            black_box(hash::leaf_of_stored(event));
        }
    }
    let figure = rate(after, began.elapsed());
    store.close().await;
    ensure!(
        after == stored.events,
        "reading alone: {after} of {} events",
        stored.events
    );
    Ok(Measured::of(figure))
}
