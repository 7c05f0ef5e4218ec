//! Parse, configure, run, flush, exit code.

use std::process::ExitCode;

use clap::Parser;
use jangbu::cli::Cli;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match jangbu::commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("jangbu: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and everything behind it, on one line.
fn chain(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(ToString::to_string).collect();
    parts.join(": ")
}
