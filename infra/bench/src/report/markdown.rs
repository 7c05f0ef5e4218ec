//! The report for people.

use std::fmt::{self, Write};

use super::charts::Chart;
use super::terminal::{limit, outcome};
use super::{Report, readable};
use crate::latency::milliseconds;
use crate::runner::ScenarioResult;

/// The file's text.
pub fn text(report: &Report<'_>, charts: &[Chart]) -> String {
    let mut text = String::new();
    write_all(&mut text, report, charts).expect("a string takes what is written to it");
    text
}

fn write_all(text: &mut String, report: &Report<'_>, charts: &[Chart]) -> fmt::Result {
    writeln!(text, "# What was measured\n")?;
    writeln!(
        text,
        "Made by `{}` in {} s.",
        report.command,
        report.results.took.as_secs()
    )?;
    if report.plan.quick {
        writeln!(
            text,
            "\n**A quick run: it shows that the harness works; its figures say little.**"
        )?;
    }
    if let Some(why) = &report.results.stopped {
        writeln!(
            text,
            "\n**The run did not come to its end: {why}. What follows was measured before.**"
        )?;
    }
    promises(text, report)?;
    method(text, report)?;
    machine(text, report)?;
    for scenario in &report.results.scenarios {
        writeln!(text, "\n## {}: {}\n", scenario.id, scenario.title)?;
        figures(text, scenario)?;
        latencies(text, scenario)?;
        more(text, scenario)?;
        for chart in charts.iter().filter(|chart| chart.scenario == scenario.id) {
            writeln!(text, "\n![{}]({})", chart.title, chart.file)?;
        }
    }
    Ok(())
}

fn promises(text: &mut String, report: &Report<'_>) -> fmt::Result {
    writeln!(text, "\n| promise | | limit | median | min – max | |")?;
    writeln!(text, "|---|---|--:|--:|--:|---|")?;
    let scenarios = &report.results.scenarios;
    for verdict in scenarios.iter().flat_map(|scenario| &scenario.verdicts) {
        writeln!(
            text,
            "| {} | {} | {} | **{}** | {} – {} | {} |",
            verdict.promise,
            verdict.what,
            limit(verdict),
            readable(verdict.ratio.median),
            readable(verdict.ratio.min),
            readable(verdict.ratio.max),
            outcome(verdict)
        )?;
    }
    Ok(())
}

fn method(text: &mut String, report: &Report<'_>) -> fmt::Result {
    let plan = report.plan;
    writeln!(
        text,
        "\nSides run in turn, A B A B …, {} rounds each of {:.1} s after a warm-up of {:.1} s that does not count (F6 and F9: {:.1} and \
        {:.1} s), on fresh tables (but for growth), with a checkpoint before each. Ratios are formed round by round; the median of them is \
        judged. A round counts only after its store was checked, outside the timed part: as many events as answers, dense \
        positions, every hash, nothing oversold. Saturation is closed-loop (each lane sends its next command when the last is \
        answered); latencies at a fixed rate are open-loop and counted from the moment a command was due.",
        plan.rounds,
        plan.length.as_secs_f64(),
        plan.warm_up.as_secs_f64(),
        plan.steady_length.as_secs_f64(),
        plan.steady_warm_up.as_secs_f64()
    )
}

fn machine(text: &mut String, report: &Report<'_>) -> fmt::Result {
    let machine = report.machine;
    writeln!(text, "\n## The machine\n")?;
    writeln!(
        text,
        "{} cores ({}), {} MB, {}; a write of 4 KiB with fdatasync takes {:.2} ms (median, in {}). Note: {}.\n",
        machine.cores,
        machine.processor,
        readable(f64::from(
            u32::try_from(machine.memory_megabytes).unwrap_or(u32::MAX)
        )),
        machine.system,
        machine.fdatasync_milliseconds,
        machine.fdatasync_in,
        machine.note
    )?;
    for (name, settings) in [("PostgreSQL", &machine.postgres), ("Kafka", &machine.kafka)] {
        let settings: Vec<String> = settings
            .iter()
            .map(|(setting, value)| format!("`{setting} = {value}`"))
            .collect();
        writeln!(text, "{name}: {}\n", settings.join(", "))?;
    }
    Ok(())
}

fn figures(text: &mut String, scenario: &ScenarioResult) -> fmt::Result {
    writeln!(text, "| case | side | median | min – max | rounds |")?;
    writeln!(text, "|---|---|--:|--:|--:|")?;
    for case in &scenario.cases {
        for side in &case.sides {
            let Some(spread) = side.spread() else {
                continue;
            };
            writeln!(
                text,
                "| {} | {} | {}{} | {} – {} | {} |",
                case.name,
                side.name,
                readable(spread.median),
                case.unit.suffix(),
                readable(spread.min),
                readable(spread.max),
                side.rounds.len()
            )?;
        }
    }
    Ok(())
}

fn latencies(text: &mut String, scenario: &ScenarioResult) -> fmt::Result {
    let mut rows = Vec::new();
    for case in &scenario.cases {
        for side in &case.sides {
            let Some(all) = side.latencies().filter(|all| !all.is_empty()) else {
                continue;
            };
            let at =
                [0.5, 0.9, 0.99, 0.999, 1.0].map(|quantile| readable(milliseconds(&all, quantile)));
            rows.push(format!(
                "| {} | {} | {} |",
                case.name,
                side.name,
                at.join(" | ")
            ));
        }
    }
    if !rows.is_empty() {
        writeln!(text, "\nLatencies of all rounds in milliseconds:\n")?;
        writeln!(text, "| case | side | p50 | p90 | p99 | p99.9 | max |")?;
        writeln!(text, "|---|---|--:|--:|--:|--:|--:|")?;
        writeln!(text, "{}", rows.join("\n"))?;
    }
    Ok(())
}

fn more(text: &mut String, scenario: &ScenarioResult) -> fmt::Result {
    let mut rows = Vec::new();
    for case in &scenario.cases {
        for side in &case.sides {
            let names: std::collections::BTreeSet<&String> = side
                .rounds
                .iter()
                .flat_map(|round| round.more.keys())
                .collect();
            for name in names {
                if let Some(spread) = side.spread_of(|round| round.more.get(name).copied()) {
                    let median = readable(spread.median);
                    rows.push(format!(
                        "| {} | {} | {name} | {median} |",
                        case.name, side.name
                    ));
                }
            }
        }
    }
    if !rows.is_empty() {
        writeln!(text, "\nBesides, medians:\n")?;
        writeln!(text, "| case | side | | |\n|---|---|---|--:|")?;
        writeln!(text, "{}", rows.join("\n"))?;
    }
    Ok(())
}
