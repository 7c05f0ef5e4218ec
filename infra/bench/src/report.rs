//! What a run says: a table on the terminal, and files for people, programs and eyes.

mod charts;
mod json;
mod markdown;
mod svg;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::plan::Plan;
use crate::runner::Results;

pub use terminal::table;

/// All that a report is made of.
pub struct Report<'r> {
    /// The command line that made it.
    pub command: &'r str,
    /// How much was measured.
    pub plan: &'r Plan,
    /// On what.
    pub machine: &'r Machine,
    /// What came of it.
    pub results: &'r Results,
}

/// Writes `bench-report.md`, `bench-report.json` and the charts into a folder; the files, the readable one first.
pub fn write(report: &Report<'_>, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    let charts = charts::draw(report.results);
    let mut files = vec![
        (
            "bench-report.md".to_owned(),
            markdown::text(report, &charts),
        ),
        ("bench-report.json".to_owned(), json::text(report)?),
    ];
    files.extend(charts.into_iter().map(|chart| (chart.file, chart.svg)));
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// A figure with as many digits as it bears.
#[must_use]
pub fn readable(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if at > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() {
        grouped
    } else {
        format!("{grouped}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(readable(57_123.4), "57,123");
        assert_eq!(readable(1_234_567.0), "1,234,567");
        assert_eq!(readable(999.9), "1,000");
        assert_eq!(readable(12.34), "12.3");
        assert_eq!(readable(0.456), "0.46");
    }
}
