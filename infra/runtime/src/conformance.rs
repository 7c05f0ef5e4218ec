//! One conformance suite per port: the memory adapters and the real ones all run it.

pub mod documents;
pub mod leadership;
pub mod log;
pub mod progress;
pub mod store;
