//! What the fault tests and the journeys share: a real mall as a child process, whoever orders from it, a reader of its
//! topics that knows only what architecture.md says about the wire, and the laws that must hold afterwards.

pub mod wait;

mod binary;
pub mod mall;
pub mod site;

pub mod load;
pub mod shop;
pub mod wish;

pub mod broker;
mod murmur2;
pub mod reader;
pub mod stored;

pub mod laws;
