//! Memory adapters of every port: the reference the conformance suite and the simulation run on.

pub mod documents;
pub mod leadership;
pub mod log;
pub mod progress;
pub mod store;
