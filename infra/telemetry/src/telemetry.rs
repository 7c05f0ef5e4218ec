//! Starts logs and metrics, and keeps them in order until the process ends.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use crate::logs::{self, LogError, LogFormat};
use crate::metrics;

/// How often what was recorded is folded together; without it a histogram that nobody scrapes grows without bound.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the process is to say about itself.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Levels, as `tracing_subscriber`'s `EnvFilter` reads them (configuration `log`, `JANGBU_LOG`).
    pub log: String,
    /// How log lines look.
    pub format: LogFormat,
}

impl Default for TelemetryOptions {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// Logs and metrics of the process.
pub struct Telemetry;

impl Telemetry {
    /// Starts both. Called again (by a test's neighbour, say), the first choice of logs stands and the metrics are the
    /// same. Inside a tokio runtime.
    ///
    /// # Errors
    /// The log filter cannot be read.
    pub fn init(options: &TelemetryOptions) -> Result<Guard, LogError> {
        logs::start(&options.log, options.format)?;
        let metrics = metrics::start();
        Ok(Guard {
            upkeep: tokio::spawn(keep_up(metrics.clone())),
            metrics,
        })
    }
}

/// Keeps metrics in order as long as it is held.
#[derive(Debug)]
pub struct Guard {
    upkeep: JoinHandle<()>,
    metrics: PrometheusHandle,
}

impl Guard {
    /// All metrics in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.metrics.render()
    }

    /// What renders them, to be handed to whoever answers `/metrics`.
    pub fn renderer(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let metrics = self.metrics.clone();
        move || metrics.render()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

/// Ends with its guard.
async fn keep_up(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}
