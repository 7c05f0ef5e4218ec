//! Which charts a run gives: figures along concurrency or size, and latencies by percentile.

use super::svg::{Line, Plot, Scale};
use crate::latency::milliseconds;
use crate::runner::{Results, ScenarioResult};
use crate::scenario::{CaseResult, Unit};

/// Quantiles along a curve, with the label of those that bear one.
const QUANTILES: [(f64, &str); 13] = [
    (0.0, ""),
    (0.25, ""),
    (0.5, "p50"),
    (0.75, ""),
    (0.9, "p90"),
    (0.95, ""),
    (0.975, ""),
    (0.99, "p99"),
    (0.995, ""),
    (0.9975, ""),
    (0.999, "p99.9"),
    (0.9995, ""),
    (0.9999, "p99.99"),
];

/// A drawn chart.
pub struct Chart {
    /// Whose.
    pub scenario: &'static str,
    /// Its title.
    pub title: String,
    /// The file's name.
    pub file: String,
    /// Its text.
    pub svg: String,
}

/// All charts.
pub fn draw(results: &Results) -> Vec<Chart> {
    results
        .scenarios
        .iter()
        .flat_map(|scenario| {
            let mut plots = figures(scenario);
            plots.extend(scenario.cases.iter().filter_map(curves));
            plots.into_iter().map(|plot| chart(scenario, &plot))
        })
        .collect()
}

fn chart(scenario: &ScenarioResult, plot: &Plot) -> Chart {
    let mut name = String::new();
    for letter in format!("{} {}", scenario.id, plot.title).chars() {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    Chart {
        scenario: scenario.id,
        title: plot.title.clone(),
        file: format!("{}.svg", name.trim_end_matches('-')),
        svg: plot.draw(),
    }
}

/// One chart for all cases that name the same, one line for each side.
fn figures(scenario: &ScenarioResult) -> Vec<Plot> {
    let mut plots: Vec<Plot> = Vec::new();
    for case in &scenario.cases {
        let Some(point) = case.point else { continue };
        let title = point.chart.to_owned();
        let at = plots
            .iter()
            .position(|plot| plot.title == title)
            .unwrap_or_else(|| {
                plots.push(Plot {
                    title,
                    x_label: point.axis.to_owned(),
                    y_label: unit(case.unit).to_owned(),
                    x_ticks: Vec::new(),
                    y_scale: Scale::Linear,
                    lines: Vec::new(),
                });
                plots.len() - 1
            });
        let plot = &mut plots[at];
        let x = point.x.max(1.0).log2();
        if !plot
            .x_ticks
            .iter()
            .any(|(there, _)| (there - x).abs() < 0.01)
        {
            plot.x_ticks.push((x, amount(point.x)));
        }
        for side in &case.sides {
            if let Some(median) = side.median() {
                line(plot, side.name).points.push((x, median));
            }
        }
    }
    // One point is no line; the table says it.
    plots.retain(|plot| plot.x_ticks.len() > 1);
    plots
}

fn curves(case: &CaseResult) -> Option<Plot> {
    let mut plot = Plot {
        title: format!("Latency, {}", case.name),
        x_label: "percentile".to_owned(),
        y_label: "milliseconds".to_owned(),
        x_ticks: Vec::new(),
        y_scale: Scale::Logarithmic,
        lines: Vec::new(),
    };
    for (quantile, label) in QUANTILES.iter().filter(|(_, label)| !label.is_empty()) {
        plot.x_ticks.push((along(*quantile), (*label).to_owned()));
    }
    for side in case.sides.iter().filter(|_| case.curves) {
        let Some(all) = side.latencies().filter(|all| !all.is_empty()) else {
            continue;
        };
        let points = QUANTILES
            .iter()
            .map(|(quantile, _)| (along(*quantile), milliseconds(&all, *quantile)));
        line(&mut plot, side.name).points.extend(points);
    }
    (!plot.lines.is_empty()).then_some(plot)
}

fn line<'p>(plot: &'p mut Plot, name: &str) -> &'p mut Line {
    let at = plot
        .lines
        .iter()
        .position(|line| line.name == name)
        .unwrap_or_else(|| {
            plot.lines.push(Line {
                name: name.to_owned(),
                points: Vec::new(),
            });
            plot.lines.len() - 1
        });
    &mut plot.lines[at]
}

/// The further out, the wider: each nine takes the same room.
fn along(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::PerSecond => "per second",
        Unit::Milliseconds => "milliseconds",
        Unit::Megabytes => "megabytes",
    }
}

/// "512", "100 k", "10 M".
pub fn amount(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 1e4 => format!("{} k", v / 1e3),
        v => format!("{v}"),
    }
}
