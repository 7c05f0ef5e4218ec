//! `jangbu-bench` measures what the architecture promises, ours and the peers in turn, on the machine at hand.
//!
//! `cargo run --release -p jangbu-bench -- all` starts its own PostgreSQL and Kafka, or takes given ones, and writes a
//! report for people, one for programs, and charts. Progress goes to stderr, the table to stdout.

mod scenario;
mod plan;
mod bench;
mod runner;
mod judge;
mod report;
mod machine;

mod scenarios;
mod peers;

mod ours;
mod loader;
mod stored;
mod load;
mod zipf;
mod latency;
mod sampling;

mod http;
mod topics;
mod acting;
mod child;
mod whole;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use mimalloc::MiMalloc;

use bench::{Bench, Servers};
use machine::Machine;
use plan::Plan;
use report::Report;
use scenario::Scenario;

// As in the product's binary; the peers in this process have it too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Of a round, in proportion to its timed part.
const WARM_UP: u32 = 4;

/// What to measure.
#[derive(Debug, Parser)]
#[command(name = "jangbu-bench", about, version)]
struct Args {
    /// `all`, or scenarios by name: F1, F2 …
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// A smoke run of under a minute, whose figures say little.
    #[arg(long)]
    quick: bool,
    /// Only cases whose name contains this.
    #[arg(long)]
    case: Option<String>,
    /// Only sides whose name contains this; what compares them is left out.
    #[arg(long)]
    side: Option<String>,
    /// Rounds of each side, in turn.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Seconds of each round's timed part.
    #[arg(long)]
    seconds: Option<f64>,
    /// Where the report goes; `target/bench` by default.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A superuser's URL of a PostgreSQL to use instead of one of our own; it is given load, and databases come and go.
    #[arg(long, requires = "kafka")]
    postgres: Option<String>,
    /// The brokers of a Kafka to use instead of one of our own.
    #[arg(long, requires = "postgres")]
    kafka: Option<String>,
}

fn main() -> ExitCode {
    if let Some(ended) = acting::act() {
        return ended;
    }
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the run came to its end.
fn run(args: &Args) -> Result<bool> {
    let plan = plan_of(args)?;
    let scenarios = choose(&args.scenarios)?;
    let folder = args.out.clone().unwrap_or_else(default_folder);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure(args, plan, &scenarios, &folder))
}

async fn measure(args: &Args, plan: Plan, scenarios: &[Scenario], folder: &Path) -> Result<bool> {
    let servers = Arc::new(servers(args).await?);
    let machine = Machine::describe(&servers).await?;
    let bench = Bench {
        servers: Arc::clone(&servers),
        plan,
        round: 0,
    };
    let only = runner::Only {
        case: args.case.clone().unwrap_or_default(),
        side: args.side.clone().unwrap_or_default(),
    };
    let results = runner::run(&bench, scenarios, &only).await;
    let report = Report {
        command: &command(),
        plan: &bench.plan,
        machine: &machine,
        results: &results,
    };
    let written = report::write(&report, folder);
    println!("{}", report::table(&results));
    if let Some(path) = written?.first() {
        eprintln!("the report: {}", path.display());
    }
    if let Some(why) = &results.stopped {
        eprintln!("the run did not come to its end: {why}");
    }
    Ok(results.stopped.is_none())
}

async fn servers(args: &Args) -> Result<Servers> {
    if let (Some(postgres), Some(kafka)) = (&args.postgres, &args.kafka) {
        return Ok(Servers::given(postgres.clone(), kafka.clone()));
    }
    eprintln!("starting PostgreSQL and Kafka");
    // It says what is missing (Java, Maven, the network) in its panic.
    tokio::spawn(Servers::start())
        .await
        .context("PostgreSQL and Kafka could not be started; the reason stands above")
}

fn plan_of(args: &Args) -> Result<Plan> {
    let mut plan = if args.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    if let Some(rounds) = args.rounds {
        plan.rounds = rounds.into();
    }
    if let Some(seconds) = args.seconds {
        let length = Duration::try_from_secs_f64(seconds).context("--seconds")?;
        if length.is_zero() || length > Duration::from_secs(600) {
            bail!("--seconds must be above 0 and at most 600");
        }
        plan.length = length;
        plan.warm_up = length / WARM_UP;
        (plan.steady_length, plan.steady_warm_up) = (plan.length, plan.warm_up);
    }
    Ok(plan)
}

/// The scenarios asked for, in the order of the list.
fn choose(asked: &[String]) -> Result<Vec<Scenario>> {
    let known = scenarios::all();
    let is_all = |name: &String| name.eq_ignore_ascii_case("all");
    let unknown: Vec<&str> = asked
        .iter()
        .filter(|name| !is_all(name) && !known.iter().any(|s| s.id.eq_ignore_ascii_case(name)))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let mut list = String::new();
        for scenario in &known {
            list += &format!("\n  {:<14} {}", scenario.id, scenario.title);
        }
        bail!(
            "there is no scenario {}; known are\n  {:<14} all of them{list}",
            unknown.join(", "),
            "all"
        );
    }
    let all = asked.iter().any(is_all);
    Ok(known
        .into_iter()
        .filter(|s| all || asked.iter().any(|name| s.id.eq_ignore_ascii_case(name)))
        .collect())
}

/// `target/bench` of the workspace this was built in, or of the current folder where that is gone.
fn default_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from("."));
    workspace.join("target").join("bench")
}

/// The command line that makes the same report; where it goes is nobody else's business.
fn command() -> String {
    let mut line = "cargo run --release -p jangbu-bench --".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--out" {
            arguments.next();
        } else if !argument.starts_with("--out=") {
            line.push(' ');
            line += &argument;
        }
    }
    line
}
