//! Medians, spreads and ratios.

use std::collections::BTreeMap;
use std::fmt;

use crate::load::Scenario;

/// All rounds so far.
#[derive(Default)]
pub struct Report(BTreeMap<(Scenario, usize), Vec<(f64, f64)>>);

impl Report {
    /// One round of both: commands per second.
    pub fn add(&mut self, scenario: Scenario, in_flight: usize, ours: f64, peer: f64) {
        self.0
            .entry((scenario, in_flight))
            .or_default()
            .push((ours, peer));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "scenario    in flight   ours/s  postgres-es/s   ratio   (min–max)"
        )?;
        for ((scenario, in_flight), rounds) in &self.0 {
            let ours = median(rounds.iter().map(|(ours, _)| *ours));
            let peer = median(rounds.iter().map(|(_, peer)| *peer));
            let ratios: Vec<f64> = rounds.iter().map(|(ours, peer)| ours / peer).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            let ratio = median(ratios.into_iter());
            let scenario = format!("{scenario:?}");
            writeln!(
                f,
                "{scenario:<11} {in_flight:>9} {ours:>8.0} {peer:>14.0} {ratio:>7.1}   ({least:.1}–{most:.1})"
            )?;
        }
        Ok(())
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
