//! The command line: one binary, one subcommand per task. stdout is data, stderr is talk.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Flags;

/// An event-sourced shopping mall on Kafka.
#[derive(Debug, Parser)]
#[command(
    name = "jangbu",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What applies to every subcommand.
    #[command(flatten)]
    pub common: Common,
    /// What to do; `local` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `local`, where no subcommand is named.
    #[command(flatten)]
    pub local: LocalArgs,
}

/// Flags of every subcommand.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Configuration file; `jangbu.toml` in this folder if it is there.
    #[arg(long, global = true, env = "JANGBU_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The application's database (database.url).
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Kafka's brokers (kafka.brokers).
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub brokers: Option<String>,
    /// Before every topic and group (kafka.prefix).
    #[arg(long, global = true, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// What is written to stderr: `info`, `debug`, `jangbu_runtime=debug,warn` (log.filter).
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Common {
    /// What these flags say, by setting.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let given = [
            ("database.url", &self.database_url),
            ("kafka.brokers", &self.brokers),
            ("kafka.prefix", &self.prefix),
            ("log.filter", &self.log),
        ];
        given
            .into_iter()
            .filter_map(|(key, value)| value.clone().map(|value| (key, value)))
            .collect()
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything on this machine: PostgreSQL, Kafka and the mall (the default).
    Local(LocalArgs),
    /// Run the mall, or some roles of it, against a given PostgreSQL and Kafka.
    Run(RunArgs),
    /// Make or bring up to date the tables, functions and roles; adopts a database of postgres-es 0.5.
    Migrate,
    /// Create the topics that are missing, and list them.
    Topics(Output),
    /// List events, or follow them.
    Events(EventsArgs),
    /// Write events out again for an audit: to stdout as CloudEvents, or into a topic of one subscription.
    Replay(ReplayArgs),
    /// List views, or rebuild one while it serves.
    Views(ViewsArgs),
    /// Check the whole ledger: dense positions, every hash, the chain.
    Verify(Output),
    /// List, redrive and resume what policies parked.
    Parked(ParkedArgs),
    /// Mend what must not be mended by itself.
    Repair(RepairArgs),
    /// Give one command to a running mall.
    Send(SendArgs),
    /// Print the OpenAPI document.
    Schemas,
    /// Print the effective configuration and where each value comes from.
    Config(Output),
}

/// How a table is printed.
#[derive(Args, Clone, Debug, Default)]
pub struct Output {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `local`.
#[derive(Args, Clone, Debug, Default)]
pub struct LocalArgs {
    /// The folder of all data; survives restarts.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Wipe the data first.
    #[arg(long)]
    pub fresh: bool,
    /// Do not ask before wiping.
    #[arg(long)]
    pub yes: bool,
    /// Where HTTP listens; by default 127.0.0.1:8080, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Where Kafka listens; by default 127.0.0.1:9092, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    pub kafka: Option<SocketAddr>,
    /// Where PostgreSQL listens; by default 127.0.0.1:5433, or a free port if that is taken.
    #[arg(long, value_name = "ADDR")]
    pub postgres: Option<SocketAddr>,
}

/// What a process does for the mall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Takes commands and answers queries.
    Http,
    /// Carries stored events to Kafka; one leads, others stand by.
    Relay,
    /// Reacts to events.
    Policies,
    /// Keeps views.
    Views,
}

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// What this process does.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "http,relay,policies,views"
    )]
    pub roles: Vec<Role>,
    /// Where HTTP listens (http.listen).
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Listen beyond this machine although nobody is authenticated: whoever reaches it may do everything.
    #[arg(long)]
    pub listen_without_authentication: bool,
    /// Apply migrations and create topics first (needs the owner's rights).
    #[arg(long)]
    pub migrate: bool,
}

/// Flags that choose events.
#[derive(Args, Clone, Debug, Default)]
pub struct Choice {
    /// After this position.
    #[arg(long, default_value_t = 0, value_name = "POSITION")]
    pub from: u64,
    /// Up to this position.
    #[arg(long, value_name = "POSITION")]
    pub until: Option<u64>,
    /// Of this aggregate type.
    #[arg(long)]
    pub aggregate: Option<String>,
    /// Of this aggregate.
    #[arg(long)]
    pub id: Option<String>,
    /// Of these names.
    #[arg(long = "type", value_delimiter = ',')]
    pub names: Vec<String>,
    /// Caused by this actor.
    #[arg(long)]
    pub actor: Option<String>,
    /// Of this correlation.
    #[arg(long)]
    pub correlation_id: Option<String>,
}

/// Flags of `events`.
#[derive(Args, Clone, Debug)]
pub struct EventsArgs {
    /// Which events.
    #[command(flatten)]
    pub choice: Choice,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    /// Go on as new ones come.
    #[arg(long)]
    pub follow: bool,
    /// One CloudEvent a line.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Which events.
    #[command(flatten)]
    pub choice: Choice,
    /// Into the topic `<prefix>_replay.<NAME>` instead of to stdout.
    #[arg(long, value_name = "NAME")]
    pub subscription: Option<String>,
}

/// Flags of `views`.
#[derive(Args, Clone, Debug)]
pub struct ViewsArgs {
    /// What to do with them; they are listed if nothing is said.
    #[command(subcommand)]
    pub action: Option<ViewsAction>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with views.
#[derive(Clone, Debug, Subcommand)]
pub enum ViewsAction {
    /// Build a view anew from the first event; readers see the old one until it is done.
    Rebuild {
        /// The view's name.
        view: String,
    },
}

/// Flags of `parked`.
#[derive(Args, Clone, Debug)]
pub struct ParkedArgs {
    /// What to do; parked events are listed if nothing is said.
    #[command(subcommand)]
    pub action: Option<ParkedAction>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with parked events.
#[derive(Clone, Debug, Subcommand)]
pub enum ParkedAction {
    /// Serve parked events again, in order, with today's code.
    Redrive {
        /// The context that parked them.
        context: String,
        /// Only of this aggregate type (with --key).
        #[arg(long, requires = "key")]
        aggregate: Option<String>,
        /// Only of this aggregate.
        #[arg(long, requires = "aggregate")]
        key: Option<String>,
    },
    /// Let a stopped context react again.
    Resume {
        /// The context.
        context: String,
    },
}

/// Flags of `repair`.
#[derive(Args, Clone, Debug)]
pub struct RepairArgs {
    /// What to mend.
    #[command(subcommand)]
    pub what: Repair,
}

/// What can be mended.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Repair {
    /// Fill wiped topics again from the store.
    Kafka,
    /// Accept that history was restored from a backup: begin a new incarnation.
    Fork {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Flags of `send`.
#[derive(Args, Clone, Debug)]
pub struct SendArgs {
    /// `order`
    pub aggregate: String,
    /// The aggregate's id.
    pub id: String,
    /// `place`
    pub command: String,
    /// The JSON body; `-` reads stdin.
    #[arg(default_value = "{}")]
    pub body: String,
    /// Where the mall listens.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub to: String,
    /// Who asks.
    #[arg(long, default_value = "operator")]
    pub actor: String,
    /// The command's id; a fresh one if none is given.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    /// Why.
    #[arg(long)]
    pub reason: Option<String>,
    /// The version the aggregate must stand at.
    #[arg(long)]
    pub expected_version: Option<u64>,
}
