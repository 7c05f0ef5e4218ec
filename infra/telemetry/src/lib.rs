//! What the process says about itself: logs on stderr, and metrics for whoever scrapes them.
//!
//! Both are global to a process, so they are started once, by [`Telemetry::init`]. Whatever else wants to hear (OTLP,
//! an error tracker) becomes one more layer in `logs`.

mod logs;
mod metrics;

mod telemetry;

pub use logs::{LogError, LogFormat};
pub use telemetry::{Guard, Telemetry, TelemetryOptions};
