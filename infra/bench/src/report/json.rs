//! The report for programs: every promise, every round, the machine.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::Report;
use crate::latency::milliseconds;
use crate::scenario::{Measured, Unit, Verdict};

#[derive(Serialize)]
struct Whole<'r> {
    promises: BTreeMap<&'r str, Promise<'r>>,
    machine: &'r crate::machine::Machine,
    rounds: Vec<Round<'r>>,
    command: &'r str,
    plan: &'r crate::plan::Plan,
    took_seconds: f64,
    /// Why the run did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'r str>,
}

#[derive(Serialize)]
struct Promise<'r> {
    ratio: f64,
    min: f64,
    max: f64,
    kept: bool,
    limit: f64,
    is_at_least: bool,
    what: &'r str,
    ours: &'r BTreeMap<String, f64>,
    peer: &'r BTreeMap<String, f64>,
}

#[derive(Serialize)]
struct Round<'r> {
    scenario: &'r str,
    case: &'r str,
    side: &'r str,
    round: usize,
    unit: Unit,
    figure: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_milliseconds: Option<BTreeMap<&'static str, f64>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    more: &'r BTreeMap<String, f64>,
}

/// The file's text.
pub fn text(report: &Report<'_>) -> Result<String> {
    let results = report.results;
    let verdicts = results
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.verdicts);
    let whole = Whole {
        promises: verdicts.map(|v| (v.promise, promise(v))).collect(),
        machine: report.machine,
        rounds: rounds(report),
        command: report.command,
        plan: report.plan,
        took_seconds: results.took.as_secs_f64(),
        stopped: results.stopped.as_deref(),
    };
    let mut text = serde_json::to_string_pretty(&whole)?;
    text.push('\n');
    Ok(text)
}

fn promise(verdict: &Verdict) -> Promise<'_> {
    Promise {
        ratio: verdict.ratio.median,
        min: verdict.ratio.min,
        max: verdict.ratio.max,
        kept: verdict.kept,
        limit: verdict.limit,
        is_at_least: verdict.is_at_least,
        what: &verdict.what,
        ours: &verdict.ours,
        peer: &verdict.peer,
    }
}

fn rounds<'r>(report: &Report<'r>) -> Vec<Round<'r>> {
    let mut rounds = Vec::new();
    for scenario in &report.results.scenarios {
        for case in &scenario.cases {
            for side in &case.sides {
                for (round, measured) in side.rounds.iter().enumerate() {
                    rounds.push(Round {
                        scenario: scenario.id,
                        case: &case.name,
                        side: side.name,
                        round: round + 1,
                        unit: case.unit,
                        figure: measured.figure,
                        latency_milliseconds: percentiles(measured),
                        more: &measured.more,
                    });
                }
            }
        }
    }
    rounds
}

fn percentiles(measured: &Measured) -> Option<BTreeMap<&'static str, f64>> {
    let latencies = measured.latencies.as_ref()?;
    if latencies.is_empty() {
        return None;
    }
    let at = |quantile| milliseconds(latencies, quantile);
    Some(BTreeMap::from([
        ("p50", at(0.5)),
        ("p90", at(0.9)),
        ("p99", at(0.99)),
        ("p99.9", at(0.999)),
        ("max", at(1.0)),
    ]))
}
