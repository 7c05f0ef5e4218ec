//! The mall as one binary: configuration, lifecycle, one file per subcommand, and the whole system on one page.

pub mod mall;

pub mod cli;
pub mod config;

pub mod commands;
pub mod health;
pub mod lifecycle;
