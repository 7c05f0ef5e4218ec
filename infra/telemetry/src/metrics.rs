//! Metrics for Prometheus: real histograms (which add up across processes), each metric described.

use std::sync::OnceLock;

use jangbu_runtime::metric_definitions::{ALL, Definition, Shape};
use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// From a tenth of a millisecond (an append) to the longest wait that is allowed anywhere.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// From one to the largest batch there is.
const COUNTS: &[f64] = &[
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0,
];

/// One recorder per process, whoever asks for it first.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The process's metrics; from the first call on they are recorded.
pub(crate) fn start() -> PrometheusHandle {
    RECORDER
        .get_or_init(|| {
            let recorder = with_buckets(PrometheusBuilder::new()).build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!(
                    "somebody else records this process's metrics; ours will stay empty"
                );
            }
            ALL.iter().for_each(describe);
            handle
        })
        .clone()
}

fn with_buckets(builder: PrometheusBuilder) -> PrometheusBuilder {
    ALL.iter()
        .filter(|metric| metric.shape == Shape::Histogram)
        .fold(builder, |builder, metric| {
            let buckets = match metric.unit {
                Unit::Seconds => SECONDS,
                _ => COUNTS,
            };
            builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
                .expect("the buckets above are not empty")
        })
}

fn describe(metric: &Definition) {
    match metric.shape {
        Shape::Counter => {
            metrics::describe_counter!(metric.name, metric.unit, metric.description);
        }
        Shape::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.description),
        Shape::Histogram => {
            metrics::describe_histogram!(metric.name, metric.unit, metric.description);
        }
    }
}
