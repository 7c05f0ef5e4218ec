//! F3: our append, hashing and checks included, against the bare batched statement on the same table.
//!
//! One append in flight on each side, the next batch made while one commits, as the engine does.

use std::time::Instant;

use anyhow::{Context, Result};
use jangbu_runtime::ports::{Entry, EventStore};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::{number, rate};
use crate::loader::{Template, append};
use crate::ours::{check_store, open_store};
use crate::peers::bare_append::{BareAppend, Columns};
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

/// Events per append.
const SIZES: [u64; 3] = [16, 128, 1_024];

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F3",
        title: "append with hashes and checks, against the bare batched statement",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let sizes = if plan.quick { &SIZES[1..2] } else { &SIZES[..] };
    let case = |&size: &u64| {
        let sides = vec![
            Side::new("ours", move |bench| ours(bench, size)),
            Side::new("bare statement", move |bench| bare(bench, size)),
        ];
        Case::new(format!("{size} events per append"), Unit::PerSecond, sides).at(
            "Events appended",
            "events per append",
            number(size),
        )
    };
    sizes.iter().map(case).collect()
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    Promise::at_least(
        "F3",
        0.8,
        "events/s, ours / the bare statement, at the best size of each",
    )
    .ratio(Of::best(cases, "ours"), Of::best(cases, "bare statement"))
    .into_iter()
    .collect()
}

/// Counts what is appended within the timed part.
struct Timing {
    begun: Instant,
    timed: Option<(Instant, u64)>,
    events: u64,
}

impl Timing {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            timed: None,
            events: 0,
        }
    }

    /// Notes a batch; the rate once the timed part is over.
    fn note(&mut self, bench: &Bench, events: u64) -> Option<f64> {
        self.events += events;
        match self.timed {
            None if self.begun.elapsed() >= bench.plan.warm_up => {
                self.timed = Some((Instant::now(), self.events));
                None
            }
            Some((since, before)) if since.elapsed() >= bench.plan.length => {
                Some(rate(self.events - before, since.elapsed()))
            }
            _ => None,
        }
    }
}

async fn ours(bench: Bench, size: u64) -> Result<Measured> {
    let store = open_store(&bench.fresh_store().await).await?;
    let mut appender = store.appender().await?;
    let template = Template::new()?;
    let make = |from: u64| -> JoinHandle<Vec<Entry>> {
        let template = template.clone();
        spawn_blocking(move || {
            (from..from + size)
                .map(|n| template.entry(&format!("sku-{n}"), 0))
                .collect()
        })
    };
    let mut timing = Timing::begin();
    let mut next = make(0);
    let figure = loop {
        let batch = next.await.context("making a batch")?;
        next = make(timing.events + size);
        append(&mut *appender, &batch).await?;
        if let Some(figure) = timing.note(&bench, size) {
            break figure;
        }
    };
    drop(appender);
    check_store(&store, timing.events).await?;
    store.close().await;
    Ok(Measured::of(figure))
}

async fn bare(bench: Bench, size: u64) -> Result<Measured> {
    let mut bare = BareAppend::open(&bench).await?;
    let template = Template::new()?;
    let make = |from: u64| -> JoinHandle<Columns> {
        let template = template.clone();
        spawn_blocking(move || {
            let entries: Vec<Entry> = (from..from + size)
                .map(|n| template.unhashed(&format!("sku-{n}"), 0, Uuid::now_v7()))
                .collect();
            Columns::of(&entries)
        })
    };
    let mut timing = Timing::begin();
    let mut next = make(0);
    let figure = loop {
        let batch = next.await.context("making a batch")?;
        next = make(timing.events + size);
        bare.insert(&batch).await?;
        if let Some(figure) = timing.note(&bench, size) {
            break figure;
        }
    };
    bare.check(timing.events).await?;
    Ok(Measured::of(figure))
}
