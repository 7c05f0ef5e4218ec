//! The simulation.
#[path = "../infra/app/src/mall.rs"]
mod mall;
