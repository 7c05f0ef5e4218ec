//! F1: the engine on many aggregates, against postgres-es and against raw single-row inserts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use event_schemas::Quantity;
use inventory::StockCommand;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::number;
use crate::load::drive;
use crate::loader::filled_for_now;
use crate::ours::{Ours, receive_on_new_stocks};
use crate::peers::postgres_es::PostgresEs;
use crate::peers::raw_rows::RawRows;
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::zipf::Zipf;

/// As storage benchmarks have it.
const EXPONENT: f64 = 0.99;
/// Of the working set.
const IN_FLIGHT: usize = 128;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F1",
        title: "engine on many aggregates, against postgres-es and raw single-row inserts",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let new = plan.in_flight.iter().map(|&in_flight| {
        let sides = vec![
            Side::new("ours", move |bench| receive_on_new_stocks(bench, in_flight)),
            Side::new("postgres-es", move |bench| {
                new_postgres_es(bench, in_flight)
            }),
            Side::new("raw single rows", move |bench| new_raw(bench, in_flight)),
        ];
        let name = format!("many new stocks, {in_flight} in flight");
        let case = Case::new(name, Unit::PerSecond, sides).at(
            "Commands stored, new stocks",
            "commands in flight",
            number(in_flight as u64),
        );
        if in_flight == 32 {
            case.with_curves()
        } else {
            case
        }
    });
    let in_flight = plan.in_flight.iter().copied().max().unwrap_or(1);
    let in_flight = in_flight.min(IN_FLIGHT);
    let sides = vec![
        Side::new("ours", move |bench| known_ours(bench, in_flight)),
        Side::new("postgres-es", move |bench| {
            known_postgres_es(bench, in_flight)
        }),
        Side::new("raw single rows", move |bench| known_raw(bench, in_flight)),
    ];
    let name = format!(
        "working set of {} stocks (Zipf {EXPONENT}), {in_flight} in flight",
        plan.working_set
    );
    new.chain([Case::new(name, Unit::PerSecond, sides)])
        .collect()
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let new = || cases.iter().filter(|case| case.point.is_some());
    let known = cases.iter().find(|case| case.point.is_none());
    let one = cases
        .iter()
        .find(|case| case.point.is_some_and(|point| point.x < 1.5));
    let best = "at the best concurrency of each";
    let of = |case: Option<&'_ CaseResult>, promise: Promise, peer: &str| {
        let case = case?;
        promise.ratio(Of::new(case, "ours"), Of::new(case, peer))
    };
    [
        Promise::at_least("F1", 10.0, format!("commands/s, ours / postgres-es {best}"))
            .ratio(Of::best(new(), "ours"), Of::best(new(), "postgres-es")),
        Promise::at_least(
            "F1 raw rows",
            2.0,
            format!("commands/s, ours / raw single-row inserts {best}"),
        )
        .ratio(Of::best(new(), "ours"), Of::best(new(), "raw single rows")),
        of(
            one,
            Promise::at_least(
                "F1 one in flight",
                1.0,
                "commands/s, ours / postgres-es, 1 in flight",
            ),
            "postgres-es",
        ),
        of(
            known,
            Promise::at_least(
                "F1 working set",
                10.0,
                "commands/s on stocks that are there, ours / postgres-es",
            ),
            "postgres-es",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn new_postgres_es(bench: Bench, in_flight: usize) -> Result<Measured> {
    let peer = PostgresEs::open(&bench).await?;
    receive_by_peer(&bench, peer, in_flight, 0, |n| n).await
}

async fn new_raw(bench: Bench, in_flight: usize) -> Result<Measured> {
    let raw = RawRows::open(&bench, in_flight).await?;
    let rows = raw.clone();
    let driven = drive(&bench.plan, in_flight, move |n| {
        let rows = rows.clone();
        async move { rows.insert(&format!("sku-{n}"), 1).await }
    })
    .await?;
    raw.check(driven.answered).await?;
    raw.close().await;
    Ok(driven.measured)
}

async fn known_ours(bench: Bench, in_flight: usize) -> Result<Measured> {
    let set = bench.plan.working_set;
    let fresh = filled_for_now(&bench, set, set).await?;
    let ours = Ours::open_on(&fresh).await?;
    let (asking, zipf) = (ours.asking.clone(), Arc::new(Zipf::new(set, EXPONENT)));
    let driven = drive(&bench.plan, in_flight, move |n| {
        let (asking, sku) = (asking.clone(), zipf.draw(n));
        async move { asking.receive(format!("sku-{sku}")).await }
    })
    .await?;
    ours.check_and_close(set + driven.answered).await?;
    Ok(driven.measured)
}

async fn known_postgres_es(bench: Bench, in_flight: usize) -> Result<Measured> {
    let set = bench.plan.working_set;
    let peer = PostgresEs::open(&bench).await?;
    peer.fill(set, 1).await?;
    let zipf = Zipf::new(set, EXPONENT);
    receive_by_peer(&bench, peer, in_flight, set, move |n| zipf.draw(n)).await
}

/// Drives receives of one piece, each for the stock that `which` names, and checks.
async fn receive_by_peer(
    bench: &Bench,
    peer: PostgresEs,
    in_flight: usize,
    there: u64,
    which: impl Fn(u64) -> u64 + Send + Sync + 'static,
) -> Result<Measured> {
    let again = Arc::new(AtomicU64::new(0));
    let (asked, noted) = (peer.clone(), Arc::clone(&again));
    let driven = drive(&bench.plan, in_flight, move |n| {
        let (peer, noted, sku) = (asked.clone(), Arc::clone(&noted), which(n));
        async move {
            let receive = StockCommand::Receive {
                quantity: Quantity::ONE,
            };
            let again = peer.execute(&format!("sku-{sku}"), receive).await?;
            noted.fetch_add(again, Ordering::Relaxed);
            Ok(())
        }
    })
    .await?;
    peer.check(there + driven.answered).await?;
    peer.close().await;
    let tries = number(again.load(Ordering::Relaxed)) / number(driven.answered.max(1));
    Ok(driven.measured.and("conflicts per command", tries))
}

async fn known_raw(bench: Bench, in_flight: usize) -> Result<Measured> {
    let set = bench.plan.working_set;
    let raw = RawRows::open(&bench, in_flight).await?;
    let versions: Arc<[AtomicU64]> = (0..set).map(|_| AtomicU64::new(0)).collect();
    let (rows, zipf) = (raw.clone(), Arc::new(Zipf::new(set, EXPONENT)));
    let driven = drive(&bench.plan, in_flight, move |n| {
        let (rows, sku) = (rows.clone(), zipf.draw(n));
        let version = usize::try_from(sku)
            .ok()
            .and_then(|sku| versions.get(sku))
            .map_or(0, |version| version.fetch_add(1, Ordering::Relaxed) + 1);
        async move { rows.insert(&format!("sku-{sku}"), version).await }
    })
    .await?;
    raw.check(driven.answered).await?;
    raw.close().await;
    Ok(driven.measured)
}
