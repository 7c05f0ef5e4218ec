//! Medians, spreads, and ratios formed round by round.

use std::collections::BTreeMap;

use crate::scenario::{CaseResult, Measured, SideResult, Spread, Verdict};

impl Spread {
    /// Of at least one value.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = sorted[sorted.len() / 2];
        let lower = sorted[(sorted.len() - 1) / 2];
        Some(Self {
            min,
            median: f64::midpoint(lower, upper),
            max,
        })
    }
}

impl SideResult {
    /// Of the compared figure.
    #[must_use]
    pub fn spread(&self) -> Option<Spread> {
        self.spread_of(|round| Some(round.figure))
    }

    /// Of whatever a round has.
    pub fn spread_of(&self, value: impl Fn(&Measured) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.rounds.iter().filter_map(value).collect();
        Spread::of(&values)
    }

    /// The middle of the compared figure.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.spread().map(|spread| spread.median)
    }

    /// All latencies of all rounds.
    #[must_use]
    pub fn latencies(&self) -> Option<hdrhistogram::Histogram<u64>> {
        let mut all: Option<hdrhistogram::Histogram<u64>> = None;
        for round in self
            .rounds
            .iter()
            .filter_map(|round| round.latencies.as_ref())
        {
            match &mut all {
                None => all = Some(round.clone()),
                // Histograms of one harness have one shape.
                Some(all) => all.add(round).ok()?,
            }
        }
        all
    }

    /// What a report says of it: median figure and the medians of everything else.
    #[must_use]
    pub fn figures(&self, case: &CaseResult) -> BTreeMap<String, f64> {
        let name = format!("{}, {}{}", self.name, case.name, case.unit.suffix());
        let mut figures: BTreeMap<String, f64> = self
            .median()
            .map(|median| (name, median))
            .into_iter()
            .collect();
        let names = self.rounds.iter().flat_map(|round| round.more.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            if let Some(spread) = self.spread_of(|round| round.more.get(name).copied()) {
                figures.insert(name.clone(), spread.median);
            }
        }
        figures
    }
}

impl CaseResult {
    /// One of its sides, if it was measured at all.
    #[must_use]
    pub fn side(&self, name: &str) -> Option<&SideResult> {
        self.sides
            .iter()
            .find(|side| side.name == name && !side.rounds.is_empty())
    }
}

/// A side of a case.
#[derive(Clone, Copy)]
pub struct Of<'r> {
    /// The case.
    pub case: &'r CaseResult,
    /// The side.
    pub side: &'r SideResult,
}

impl<'r> Of<'r> {
    /// A side of a case, if it was measured.
    #[must_use]
    pub fn new(case: &'r CaseResult, side: &str) -> Option<Self> {
        let side = case.side(side)?;
        Some(Self { case, side })
    }

    /// Where the side's median is highest among the cases.
    #[must_use]
    pub fn best(cases: impl IntoIterator<Item = &'r CaseResult>, side: &str) -> Option<Self> {
        cases
            .into_iter()
            .filter_map(|case| Self::new(case, side))
            .max_by(|a, b| f64::total_cmp(&a.median(), &b.median()))
    }

    fn median(&self) -> f64 {
        self.side.median().unwrap_or(f64::NEG_INFINITY)
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        self.side.figures(self.case)
    }
}

/// A promise before it is judged.
#[derive(Clone, Debug)]
pub struct Promise {
    /// "F1".
    pub promise: &'static str,
    /// What is compared.
    pub what: String,
    /// The limit.
    pub limit: f64,
    /// Whether it is the least.
    pub is_at_least: bool,
}

impl Promise {
    /// At least so much.
    pub fn at_least(promise: &'static str, limit: f64, what: impl Into<String>) -> Self {
        Self {
            promise,
            what: what.into(),
            limit,
            is_at_least: true,
        }
    }

    /// At most so much.
    pub fn at_most(promise: &'static str, limit: f64, what: impl Into<String>) -> Self {
        Self {
            is_at_least: false,
            ..Self::at_least(promise, limit, what)
        }
    }

    /// Judged by ours over the peer's, of rounds of the same number.
    #[must_use]
    pub fn ratio(self, ours: Option<Of<'_>>, peer: Option<Of<'_>>) -> Option<Verdict> {
        self.ratio_of(ours, peer, |round| Some(round.figure))
    }

    /// The same by another value of a round.
    pub fn ratio_of(
        self,
        ours: Option<Of<'_>>,
        peer: Option<Of<'_>>,
        value: impl Fn(&Measured) -> Option<f64>,
    ) -> Option<Verdict> {
        let (ours, peer) = (ours?, peer?);
        let rounds = ours.side.rounds.iter().zip(&peer.side.rounds);
        let ratios: Vec<f64> = rounds
            .filter_map(|(ours, peer)| Some(value(ours)? / value(peer)?))
            .collect();
        self.judge(&ratios, ours.figures(), peer.figures())
    }

    /// Judged by a value alone.
    pub fn alone(
        self,
        ours: Option<Of<'_>>,
        value: impl Fn(&Measured) -> Option<f64>,
    ) -> Option<Verdict> {
        let ours = ours?;
        let values: Vec<f64> = ours.side.rounds.iter().filter_map(value).collect();
        self.judge(&values, ours.figures(), BTreeMap::new())
    }

    fn judge(
        self,
        values: &[f64],
        ours: BTreeMap<String, f64>,
        peer: BTreeMap<String, f64>,
    ) -> Option<Verdict> {
        let ratio = Spread::of(values)?;
        let kept = if self.is_at_least {
            ratio.median >= self.limit
        } else {
            ratio.median <= self.limit
        };
        Some(Verdict {
            promise: self.promise,
            what: self.what,
            limit: self.limit,
            is_at_least: self.is_at_least,
            ratio,
            kept,
            ours,
            peer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Unit;

    fn case(ours: &[f64], peer: &[f64]) -> CaseResult {
        let side = |name, figures: &[f64]| SideResult {
            name,
            rounds: figures.iter().copied().map(Measured::of).collect(),
        };
        CaseResult {
            name: "a case".to_owned(),
            unit: Unit::PerSecond,
            point: None,
            curves: false,
            sides: vec![side("ours", ours), side("peer", peer)],
        }
    }

    #[test]
    fn ratios_are_formed_round_by_round() {
        let case = case(&[10.0, 20.0, 40.0], &[1.0, 4.0, 2.0]);
        let promise = Promise::at_least("F0", 10.0, "ours / peer");
        let verdict = promise.ratio(Of::new(&case, "ours"), Of::new(&case, "peer"));
        let verdict = verdict.unwrap();
        assert_eq!(
            verdict.ratio,
            Spread {
                min: 5.0,
                median: 10.0,
                max: 20.0
            }
        );
        assert!(verdict.kept);
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let case = case(&[10.0], &[]);
        let promise = Promise::at_least("F0", 10.0, "ours / peer");
        assert!(
            promise
                .ratio(Of::new(&case, "ours"), Of::new(&case, "peer"))
                .is_none()
        );
    }
}
