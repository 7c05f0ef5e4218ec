//! First figures: commands per second through the engine and through postgres-es, side by side on the real Postgres.
//!
//! `cargo run --release -p jangbu-bench` starts its own PostgreSQL, runs both in turn (A B A B …) with the same rules
//! of Stock, checks after each round that every answered command is stored, and prints medians and ratios. Load is
//! closed-loop; client and server share the machine's cores.

mod load;
mod ours;
mod peer;
mod report;

use std::time::Duration;

use clap::Parser;

use load::Scenario;
use report::Report;

/// What to measure.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds of each, in turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each round, after a warm-up of a quarter of it.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Commands in flight.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 128, 512])]
    in_flight: Vec<usize>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let servers = jangbu_local::OwnServers::start().await;
    let length = Duration::from_secs(args.seconds);
    let mut report = Report::default();
    for scenario in [Scenario::ManyStocks, Scenario::HotStock] {
        for in_flight in &args.in_flight {
            for round in 0..args.rounds {
                eprintln!(
                    "{scenario:?}, {in_flight} in flight, round {} of {}",
                    round + 1,
                    args.rounds
                );
                let ours = ours::measure(&servers, scenario, *in_flight, length).await?;
                let peer = peer::measure(&servers, scenario, *in_flight, length).await?;
                report.add(scenario, *in_flight, ours, peer);
            }
        }
    }
    println!("{report}");
    drop(servers);
    Ok(())
}
