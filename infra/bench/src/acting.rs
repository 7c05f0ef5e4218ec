//! The harness as another process: the mall itself, or the peer's. What it then runs is the same code, built in the same
//! way, as the binary `jangbu` runs; so that nothing has to be built or found before a measurement.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::peers::axum_mall;

/// As the first argument: the rest is a command line of `jangbu`.
pub const AS_JANGBU: &str = "as-jangbu";
/// As the first argument: serve the peer's mall; the rest is for it.
pub const AS_PEER: &str = "as-peer";

/// Acts as another process if it was started to; how that ended.
#[must_use]
pub fn act() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let _this = arguments.next();
    let ended = match arguments.next().as_deref() {
        Some(AS_JANGBU) => {
            end_with_the_starter();
            let line = std::iter::once("jangbu".to_owned()).chain(arguments);
            jangbu::commands::run(jangbu::cli::Cli::parse_from(line))
        }
        Some(AS_PEER) => {
            end_with_the_starter();
            serve_peer(arguments.collect())
        }
        _ => return None,
    };
    Some(ended.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    }))
}

fn serve_peer(arguments: Vec<String>) -> anyhow::Result<ExitCode> {
    let url = arguments.first().context("the peer needs a database")?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(axum_mall::serve(url))?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever started us holds the other end of stdin: when that closes, however it came about, nobody needs us any more.
fn end_with_the_starter() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(1);
    });
}
