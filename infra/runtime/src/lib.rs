//! The chassis: it carries `POST → decide → append → relay → react → project → GET` and names no vendor.

pub mod ports;
pub mod system;

pub mod execute;
pub mod follow;
pub mod project;
pub mod react;
pub mod relay;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod memory;

pub mod hash;
pub mod partition;
pub mod metric_definitions;
pub mod root;
pub mod trace;

mod backoff;
mod bell;
mod problem;

pub use problem::Problem;

/// What a caught panic says, as far as it says it in text.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
