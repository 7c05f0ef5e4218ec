//! Runs scenarios: the sides of a case in turn, round after round; a failing round ends the run and keeps what there is.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::bench::Bench;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, SideResult, Verdict};

/// No round takes so long, preparation and check included; one that does hangs.
const ROUND_WITHIN: Duration = Duration::from_secs(20 * 60);

/// What a scenario gave so far.
pub struct ScenarioResult {
    /// Its id.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Its cases, as far as they came.
    pub cases: Vec<CaseResult>,
    /// The promises.
    pub verdicts: Vec<Verdict>,
}

/// What a run gave.
#[derive(Default)]
pub struct Results {
    /// As far as it came.
    pub scenarios: Vec<ScenarioResult>,
    /// Why it did not come to its end.
    pub stopped: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// What is run of a scenario: cases and sides whose names contain these.
#[derive(Debug, Default)]
pub struct Only {
    /// In a case's name.
    pub case: String,
    /// In a side's name.
    pub side: String,
}

/// Runs scenarios one after the other.
pub async fn run(bench: &Bench, scenarios: &[Scenario], only: &Only) -> Results {
    let began = Instant::now();
    let mut results = Results::default();
    for (number, scenario) in scenarios.iter().enumerate() {
        let (id, title) = (scenario.id, scenario.title);
        eprintln!(
            "[{}/{}] {id}: {title} ({} s so far)",
            number + 1,
            scenarios.len(),
            began.elapsed().as_secs()
        );
        let mut chosen = (scenario.cases)(&bench.plan);
        chosen.retain_mut(|case| {
            case.sides.retain(|side| side.name.contains(&only.side));
            case.name.contains(&only.case) && !case.sides.is_empty()
        });
        let mut cases = Vec::new();
        let ended = tokio::select! {
            ended = run_cases(bench, chosen, &mut cases) => ended,
            interrupted = tokio::signal::ctrl_c() =>
                interrupted.context("listen for Ctrl-C").and(Err(anyhow!("interrupted"))),
        };
        let verdicts = (scenario.judge)(&cases);
        results.scenarios.push(ScenarioResult {
            id,
            title,
            cases,
            verdicts,
        });
        if let Err(error) = ended {
            results.stopped = Some(format!("{id}: {error:#}"));
            break;
        }
        bench.servers.keep_nothing();
    }
    if let Err(error) = bench.servers.tidy().await {
        results.stopped.get_or_insert(format!("tidy up: {error:#}"));
    }
    results.took = began.elapsed();
    results
}

async fn run_cases(bench: &Bench, cases: Vec<Case>, results: &mut Vec<CaseResult>) -> Result<()> {
    let amount = cases.len();
    for (number, case) in cases.into_iter().enumerate() {
        eprintln!("  {}/{amount} {}", number + 1, case.name);
        let at = results.len();
        let side = |side: &Side| SideResult {
            name: side.name,
            rounds: Vec::new(),
        };
        results.push(CaseResult {
            name: case.name.clone(),
            unit: case.unit,
            point: case.point,
            curves: case.curves,
            sides: case.sides.iter().map(side).collect(),
        });
        run_case(bench, &case, &mut results[at])
            .await
            .with_context(|| case.name.clone())?;
    }
    Ok(())
}

async fn run_case(bench: &Bench, case: &Case, result: &mut CaseResult) -> Result<()> {
    let rounds = case
        .at_most_rounds
        .map_or(bench.plan.rounds, |most| most.min(bench.plan.rounds));
    for round in 0..rounds {
        let mut line = format!("    round {}/{rounds}:", round + 1);
        for (number, side) in case.sides.iter().enumerate() {
            bench.servers.tidy().await?;
            let mut bench = bench.clone();
            bench.round = round;
            let measured = run_side(bench, side)
                .await
                .with_context(|| format!("round {} of {} does not count", round + 1, side.name))?;
            line += &format!(
                " {} {:.1}{}",
                side.name,
                measured.figure,
                case.unit.suffix()
            );
            if number + 1 < case.sides.len() {
                line.push(',');
            }
            result.sides[number].rounds.push(measured);
        }
        eprintln!("{line}");
    }
    Ok(())
}

/// In a task of its own: a server that does not answer makes test helpers panic, and that must not end the report.
async fn run_side(bench: Bench, side: &Side) -> Result<Measured> {
    let mut running = tokio::spawn((side.run)(bench));
    let ended = tokio::time::timeout(ROUND_WITHIN, &mut running).await;
    let Ok(ended) = ended else {
        running.abort();
        return Err(anyhow!(
            "it did not end within {} minutes",
            ROUND_WITHIN.as_secs() / 60
        ));
    };
    let measured = ended.map_err(|error| match error.try_into_panic() {
        Ok(panic) => anyhow!("it panicked: {}", said(&*panic)),
        Err(error) => error.into(),
    })??;
    anyhow::ensure!(
        measured.figure.is_finite() && measured.figure > 0.0,
        "its figure is {}",
        measured.figure
    );
    Ok(measured)
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
