//! What a scenario is: cases whose sides run in turn, and a judgement of the promise from what they did.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::bench::Bench;
use crate::plan::Plan;

/// What one side did in one verified round.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The compared figure, in the case's unit.
    pub figure: f64,
    /// Nanoseconds, where latency was measured.
    pub latencies: Option<Histogram<u64>>,
    /// More figures by name, with the unit in the name: "app resident MB".
    pub more: BTreeMap<String, f64>,
}

impl Measured {
    /// Nothing but the compared figure.
    #[must_use]
    pub fn of(figure: f64) -> Self {
        Self {
            figure,
            ..Self::default()
        }
    }

    /// With one more figure.
    #[must_use]
    pub fn and(mut self, name: impl Into<String>, value: f64) -> Self {
        self.more.insert(name.into(), value);
        self
    }

    /// With latencies in nanoseconds.
    #[must_use]
    pub fn with_latencies(mut self, latencies: Histogram<u64>) -> Self {
        self.latencies = Some(latencies);
        self
    }
}

/// In what the compared figure of a case is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Commands or events per second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Megabytes.
    Megabytes,
}

impl Unit {
    /// As it stands behind a number.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Milliseconds => " ms",
            Self::Megabytes => " MB",
        }
    }
}

type Run = Box<dyn Fn(Bench) -> BoxFuture<'static, anyhow::Result<Measured>> + Send + Sync>;

/// One of those compared. Its `run` is one round: prepare, warm up, measure, then verify outside the timed part.
pub struct Side {
    /// "ours", "postgres-es", "raw single rows".
    pub name: &'static str,
    /// One round; an unverified round is an error that says what was wrong.
    pub run: Run,
}

impl Side {
    /// A side from an async closure.
    pub fn new<F>(name: &'static str, run: impl Fn(Bench) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<Measured>> + Send + 'static,
    {
        Self {
            name,
            run: Box::new(move |bench| Box::pin(run(bench))),
        }
    }
}

/// Where a case stands on a chart of figures: cases with the same `chart` are points of one line per side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The chart's title.
    pub chart: &'static str,
    /// What runs along: "commands in flight", "events stored".
    pub axis: &'static str,
    /// How far along.
    pub x: f64,
}

/// One comparison: sides run in turn, A B A B …; the first is ours.
pub struct Case {
    /// "many new stocks, 32 in flight".
    pub name: String,
    /// Of the sides' figures.
    pub unit: Unit,
    /// At most so many rounds, where one takes long; the plan's otherwise.
    pub at_most_rounds: Option<usize>,
    /// Its place on a chart of figures.
    pub point: Option<Point>,
    /// Whether its latencies are drawn as curves.
    pub curves: bool,
    /// At least one.
    pub sides: Vec<Side>,
}

impl Case {
    /// A case without a chart.
    pub fn new(name: impl Into<String>, unit: Unit, sides: Vec<Side>) -> Self {
        Self {
            name: name.into(),
            unit,
            at_most_rounds: None,
            point: None,
            curves: false,
            sides,
        }
    }

    /// As a point of a chart.
    #[must_use]
    pub fn at(mut self, chart: &'static str, axis: &'static str, x: f64) -> Self {
        self.point = Some(Point { chart, axis, x });
        self
    }

    /// With a chart of its latencies.
    #[must_use]
    pub fn with_curves(mut self) -> Self {
        self.curves = true;
        self
    }

    /// With fewer rounds than the plan has.
    #[must_use]
    pub fn at_most(mut self, rounds: usize) -> Self {
        self.at_most_rounds = Some(rounds);
        self
    }
}

/// A scenario of the command line.
pub struct Scenario {
    /// "F1" … "F10", or a name: "mixed".
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// What it compares.
    pub cases: fn(&Plan) -> Vec<Case>,
    /// How the promise is judged from this scenario's cases; none where nothing is promised or too little was measured.
    pub judge: fn(&[CaseResult]) -> Vec<Verdict>,
}

/// What one side did in all rounds so far.
#[derive(Clone, Debug)]
pub struct SideResult {
    /// The side's name.
    pub name: &'static str,
    /// One per round.
    pub rounds: Vec<Measured>,
}

/// What a case gave so far.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// The case's unit.
    pub unit: Unit,
    /// The case's point.
    pub point: Option<Point>,
    /// The case's wish for curves.
    pub curves: bool,
    /// In the case's order.
    pub sides: Vec<SideResult>,
}

/// A promise, and how it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// "F1", "F6 p99".
    pub promise: &'static str,
    /// What is compared: "ours / postgres-es at the best concurrency of each".
    pub what: String,
    /// The promise.
    pub limit: f64,
    /// Whether the limit is the least; else it is the most.
    pub is_at_least: bool,
    /// Of the ratios, formed round by round; where nothing is compared, of the figure itself.
    pub ratio: Spread,
    /// Whether the median keeps the limit.
    pub kept: bool,
    /// Our figures: medians by name.
    pub ours: BTreeMap<String, f64>,
    /// The peer's.
    pub peer: BTreeMap<String, f64>,
}

/// Least, middle and most of several values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The middle one (of an even number the mean of the two).
    pub median: f64,
    /// The most.
    pub max: f64,
}
