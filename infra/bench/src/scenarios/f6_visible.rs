//! F6: from a POST to the moment its event can be seen in a view, at fixed rates (open loop). Latency counts from the time
//! the POST was meant to be sent. Compared with the floor measured alone, and with a transactional outbox.

mod outbox;
mod ours;

use anyhow::Result;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::milliseconds;
use crate::peers::floor;
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::topics;

const OURS: &str = "ours";
const FLOOR: &str = "floor alone";
const OUTBOX: &str = "outbox";
const P99: &str = "p99 ms";
/// The rate that the promise is about.
const JUDGED: u64 = 1_000;
/// Takers of ticks: so many requests can be on their way.
const LANES: usize = 64;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F6",
        title: "POST to visible in a view, at fixed rates",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let cases = plan.rates.iter().map(|&rate| {
        let sides = vec![
            Side::new(OURS, move |bench| ours::round(bench, rate)),
            Side::new(FLOOR, floor),
            Side::new(OUTBOX, move |bench| outbox::round(bench, rate)),
        ];
        Case::new(name(rate), Unit::Milliseconds, sides).with_curves()
    });
    cases.collect()
}

fn name(rate: u64) -> String {
    format!("{rate} commands per second, p50")
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let judged = cases.iter().find(|case| case.name == name(JUDGED));
    // A smoke run may not have that rate.
    let Some(case) = judged.or_else(|| cases.first()) else {
        return Vec::new();
    };
    let (ours, floor) = (Of::new(case, OURS), Of::new(case, FLOOR));
    let what = |which| {
        format!(
            "{which} of POST to visible, ours / commit, Kafka and commit alone; {}",
            case.name
        )
    };
    let p50 = Promise::at_most("F6 p50", 2.0, what("p50")).ratio(ours, floor);
    let p99 = Promise::at_most("F6 p99", 3.0, what("p99"))
        .ratio_of(ours, floor, |round| round.more.get(P99).copied());
    p50.into_iter().chain(p99).collect()
}

async fn floor(bench: Bench) -> Result<Measured> {
    let brokers = bench.servers.brokers();
    let topic = format!("{}floor", bench.fresh_prefix());
    topics::create(&topics::kafka(brokers)?, std::slice::from_ref(&topic)).await?;
    let url = bench.fresh_database().await;
    let (warm_up, length) = (bench.plan.steady_warm_up, bench.plan.steady_length);
    let latencies = floor::measure(&url, brokers, &topic, warm_up, length).await?;
    topics::delete(brokers, &[topic]).await?;
    Ok(measured(latencies))
}

fn measured(latencies: hdrhistogram::Histogram<u64>) -> Measured {
    Measured::of(milliseconds(&latencies, 0.5))
        .and(P99, milliseconds(&latencies, 0.99))
        .and("p99.9 ms", milliseconds(&latencies, 0.999))
        .with_latencies(latencies)
}

/// Ticks of a round, and the first that counts.
fn ticks(bench: &Bench, rate: u64) -> (u64, u64) {
    let of = |time: std::time::Duration| {
        u64::try_from(u128::from(rate) * time.as_millis() / 1_000).unwrap_or(u64::MAX)
    };
    let warm_up = of(bench.plan.steady_warm_up);
    (warm_up + of(bench.plan.steady_length).max(1), warm_up)
}
