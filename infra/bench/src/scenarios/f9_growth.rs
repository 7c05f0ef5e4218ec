//! F9: the same rates on a small store and on large ones, and the memory of this process at both.
//!
//! The small stores are copied for every round; those too large for that grow a little with each round. A size that cannot
//! be prepared in the time the plan gives is measured as large as it came, and its name says so.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use jangbu_postgres::testing::Fresh;
use jangbu_runtime::ports::EventStore;
use tokio::sync::OnceCell;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::number;
use crate::load::{Driven, drive};
use crate::loader::{fill, settle};
use crate::ours::{Ours, open_store};
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::stored::EACH;
use crate::zipf::Zipf;

/// In flight.
const IN_FLIGHT: usize = 128;
/// A store up to this size is copied for each round.
const COPIED_UP_TO: u64 = 1_000_000;
/// Stocks that are asked for again, of all those stored: the same number at each size.
const AT_WORK: u64 = 5_000;
/// Progress is told this often.
const TELL_EVERY: u64 = 500_000;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F9",
        title: "the same rates however much is stored, and flat memory",
        cases,
        judge,
    }
}

/// A prepared store.
#[derive(Clone)]
struct Grown {
    events: u64,
    cell: Arc<OnceCell<Fresh>>,
}

/// What is asked of it.
#[derive(Clone, Copy)]
enum Work {
    NewStocks,
    KnownStocks,
    ReadTail,
}

fn cases(plan: &Plan) -> Vec<Case> {
    let grown: Vec<Grown> = plan
        .growth
        .iter()
        .map(|&events| Grown {
            events,
            cell: Arc::default(),
        })
        .collect();
    let works = [
        (
            "new stocks",
            "Commands stored, new stocks, as the store grows",
            Work::NewStocks,
        ),
        (
            "known stocks",
            "Commands stored, known stocks, as the store grows",
            Work::KnownStocks,
        ),
        ("reading", "Events read, as the store grows", Work::ReadTail),
    ];
    let mut cases = Vec::new();
    let Some((base, larger)) = grown.split_first() else {
        return cases;
    };
    for larger in larger {
        for (name, chart, work) in works {
            let (small, large) = (base.clone(), larger.clone());
            let sides = vec![
                Side::new("ours, large", move |bench| {
                    measure(bench, large.clone(), work)
                }),
                Side::new("ours, small", move |bench| {
                    measure(bench, small.clone(), work)
                }),
            ];
            let name = format!(
                "{name} on {} events, against {}",
                larger.events, base.events
            );
            cases.push(Case::new(name, Unit::PerSecond, sides).at(
                chart,
                "events stored",
                number(larger.events),
            ));
        }
    }
    cases
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    // The largest size that was measured; the promise is the worst of its rates.
    let largest = cases.iter().filter_map(at).fold(0.0, f64::max);
    let of_largest = || {
        cases
            .iter()
            .filter(move |case| at(case).is_some_and(|x| x >= largest))
    };
    let sides = |case| (Of::new(case, "ours, large"), Of::new(case, "ours, small"));
    let rates = of_largest().filter_map(|case| {
        let (large, small) = sides(case);
        Promise::at_least("F9", 0.9, format!("the lowest of the rates: {}", case.name))
            .ratio(large, small)
    });
    let lowest = rates.min_by(|a, b| f64::total_cmp(&a.ratio.median, &b.ratio.median));
    let memory = of_largest().filter_map(|case| {
        let (large, small) = sides(case);
        let resident = |round: &Measured| round.more.get(RESIDENT).copied();
        Promise::at_most("F9 memory", 1.25, format!("resident memory: {}", case.name))
            .ratio_of(large, small, resident)
    });
    let most = memory.max_by(|a, b| f64::total_cmp(&a.ratio.median, &b.ratio.median));
    [lowest, most].into_iter().flatten().collect()
}

fn at(case: &CaseResult) -> Option<f64> {
    let measured = case.sides.iter().any(|side| !side.rounds.is_empty());
    case.point.map(|point| point.x).filter(|_| measured)
}

const RESIDENT: &str = "this process resident MB";
const STORED: &str = "events stored before";

impl Grown {
    async fn get(&self, bench: &Bench) -> Result<Fresh> {
        let prepared = self.cell.get_or_try_init(|| self.prepare(bench)).await?;
        if self.events <= COPIED_UP_TO {
            return bench.servers.copy(prepared).await;
        }
        Ok(prepared.clone())
    }

    async fn prepare(&self, bench: &Bench) -> Result<Fresh> {
        let fresh = bench.fresh_store().await;
        bench.servers.keep(&fresh.owner_url);
        let store = open_store(&fresh).await?;
        let (began, mut told) = (Instant::now(), 0);
        let goal = self.events;
        let stored = fill(&store, 0, goal, (goal / EACH).max(1), |stored| {
            if stored / TELL_EVERY > told {
                told = stored / TELL_EVERY;
                bench.say(&format!("prepared {stored} of {goal} events"));
            }
            began.elapsed() < bench.plan.grow_within
        })
        .await?;
        if stored < goal {
            bench.say(&format!(
                "{} s were over: it is measured at {stored} events, not {goal}",
                bench.plan.grow_within.as_secs()
            ));
        }
        store.close().await;
        settle(&fresh).await?;
        Ok(fresh)
    }
}

async fn measure(bench: Bench, grown: Grown, work: Work) -> Result<Measured> {
    let fresh = grown.get(&bench).await?;
    let ours = Ours::open_on(&fresh).await?;
    let before = ours.store.head().await?.position;
    let driven = work_on(&bench, &ours, &grown, work).await?;
    let resident = resident_megabytes().context("the resident memory of this process")?;
    let store = ours.end().await?;
    let head = store.head().await?.position;
    let answered = match work {
        Work::ReadTail => 0,
        Work::NewStocks | Work::KnownStocks => driven.answered,
    };
    anyhow::ensure!(
        head == before + answered,
        "ours: {head} events stored, {before} before and {answered} commands answered"
    );
    check_end(&store, before).await?;
    store.close().await;
    Ok(driven
        .measured
        .and(RESIDENT, resident)
        .and(STORED, number(before)))
}

async fn work_on(bench: &Bench, ours: &Ours, grown: &Grown, work: Work) -> Result<Driven> {
    let plan = bench.plan.steady();
    match work {
        Work::NewStocks => {
            let (asking, round) = (ours.asking.clone(), uuid::Uuid::now_v7());
            drive(&plan, IN_FLIGHT, move |n| {
                let asking = asking.clone();
                async move { asking.receive(format!("new-{round}-{n}")).await }
            })
            .await
        }
        Work::KnownStocks => {
            let stocks = (grown.events / EACH).max(1);
            let at_work = stocks.min(AT_WORK);
            // Spread over all that is stored, old and new.
            let sku = move |one: u64| format!("sku-{}", one * (stocks / at_work));
            // Each is loaded before it counts: what is asked is the rate of stocks that are at work.
            let first = stream::iter((0..at_work).map(|one| ours.asking.receive(sku(one))));
            let loaded = first.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>();
            loaded.await?;
            let (asking, zipf) = (ours.asking.clone(), Zipf::new(at_work, 0.99));
            let mut driven = drive(&plan, IN_FLIGHT, move |n| {
                let (asking, sku) = (asking.clone(), sku(zipf.draw(n)));
                async move { asking.receive(sku).await }
            })
            .await?;
            driven.answered += at_work;
            Ok(driven)
        }
        Work::ReadTail => {
            let store = ours.store.clone();
            let head = store.head().await?.position;
            // As a replay reads: on from somewhere.
            let begin = crate::zipf::mix(bench.round as u64);
            let mut driven = drive(&plan, 1, move |n| {
                let store = store.clone();
                async move {
                    let last = head.saturating_sub(PAGE);
                    let after = begin.wrapping_add(n * PAGE) % last.max(1);
                    let read = store.read(after, PAGE as usize).await?;
                    let dense = read.iter().zip(after + 1..).all(|(e, p)| e.position == p);
                    anyhow::ensure!(dense, "positions after {after} are not dense");
                    Ok(())
                }
            })
            .await?;
            driven.measured.figure *= number(PAGE);
            Ok(driven)
        }
    }
}

/// Events of one read.
const PAGE: u64 = 1_000;

/// What was added is dense. The whole ledger of ten million is verified by F8's way, not after each round.
async fn check_end(store: &jangbu_postgres::Postgres, before: u64) -> Result<()> {
    let mut after = before;
    loop {
        let events = store.read(after, 10_000).await?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        let dense = events.iter().zip(after + 1..).all(|(e, p)| e.position == p);
        anyhow::ensure!(dense, "ours: positions after {after} are not dense");
        after = last.position;
    }
}

fn resident_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1_024.0)
}
