//! The table on the terminal: each promise, its ratio and spread, kept or missed.

use std::fmt::Write;

use super::readable;
use crate::runner::Results;
use crate::scenario::Verdict;

/// "≥ 10".
#[must_use]
pub fn limit(verdict: &Verdict) -> String {
    let sign = if verdict.is_at_least { '≥' } else { '≤' };
    format!("{sign} {}", verdict.limit)
}

/// "kept" or "MISSED".
#[must_use]
pub fn outcome(verdict: &Verdict) -> &'static str {
    if verdict.kept { "kept" } else { "MISSED" }
}

/// The table.
#[must_use]
pub fn table(results: &Results) -> String {
    let mut text = format!(
        "{:<18} {:>9} {:>9}   {:<19} {:<7} what\n",
        "promise", "limit", "median", "(min – max)", ""
    );
    let verdicts = results
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.verdicts);
    for verdict in verdicts {
        let spread = format!(
            "({} – {})",
            readable(verdict.ratio.min),
            readable(verdict.ratio.max)
        );
        let row = writeln!(
            text,
            "{:<18} {:>9} {:>9}   {spread:<19} {:<7} {}",
            verdict.promise,
            limit(verdict),
            readable(verdict.ratio.median),
            outcome(verdict),
            verdict.what
        );
        row.expect("a string takes what is written to it");
    }
    text
}
