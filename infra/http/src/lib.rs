//! HTTP: commands in, views and events out, every error a problem. The only crate that names axum.
//!
//! No rule stands here: a handler parses, asks and translates.

mod http;
mod gate;

mod commands;
mod views;
mod events;
mod health;
mod index;
mod openapi;

mod problem;
mod catalogue;
mod headers;
mod query;
mod accept;
mod body;
mod scan;

mod serve;
mod address;

pub use address::{UnsafeAddress, check_listen_address};
pub use health::{Component, Condition, Health};
pub use http::{Http, HttpOptions, router};
pub use openapi::openapi;
pub use problem::{ALL as PROBLEM_KINDS, PROBLEM_JSON, Problem, ProblemKind};
pub use serve::{ServeOptions, serve};
