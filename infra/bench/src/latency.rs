//! Latencies in histograms, and counts as figures.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

/// Three significant digits, from 1 µs to two minutes; what lies outside counts as the bound.
const LEAST: u64 = 1_000;
const MOST: u64 = 120_000_000_000;

/// An empty histogram of nanoseconds.
pub fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(LEAST, MOST, 3)?)
}

/// Records a latency; what lies outside the bounds counts as the bound.
pub fn record(into: &mut Histogram<u64>, latency: Duration) {
    into.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
}

/// A percentile in milliseconds.
#[must_use]
pub fn milliseconds(of: &Histogram<u64>, quantile: f64) -> f64 {
    number(of.value_at_quantile(quantile)) / 1e6
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "a figure need not be exact to the last of many"
)]
#[must_use]
pub fn number(count: u64) -> f64 {
    count as f64
}

/// So many in so long, per second.
#[must_use]
pub fn rate(count: u64, took: Duration) -> f64 {
    number(count) / took.as_secs_f64()
}
