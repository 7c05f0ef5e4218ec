//! One file per subcommand. stdout is data, stderr is talk.

mod local;
mod run;

mod migrate;
mod topics;

mod events;
mod replay;
mod verify;
mod views;

mod parked;
mod repair;
mod send;

mod schemas;
mod show_config;

mod table;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::cli::{Cli, Command, Common};
use crate::config::{self, Flags, Settings};

/// Carries a command line out.
///
/// # Errors
/// Whatever kept it from being carried out, to be printed once.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let common = cli.common;
    match cli.command.unwrap_or(Command::Local(cli.local)) {
        Command::Local(args) => block_on(local::local(&common, args)),
        Command::Run(args) => block_on(run::run(&common, args)),
        Command::Migrate => block_on(migrate::migrate(&common)),
        Command::Topics(output) => block_on(topics::topics(&common, &output)),
        Command::Events(args) => block_on(events::events(&common, args)),
        Command::Replay(args) => block_on(replay::replay(&common, args)),
        Command::Views(args) => block_on(views::views(&common, args)),
        Command::Verify(output) => block_on(verify::verify(&common, &output)),
        Command::Parked(args) => block_on(parked::parked(&common, args)),
        Command::Repair(args) => block_on(repair::repair(&common, &args)),
        Command::Send(args) => block_on(send::send(args)),
        Command::Schemas => schemas::schemas(),
        Command::Config(output) => show_config::show(&common, &output),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime can be started")?
        .block_on(work)
}

/// The settings of a subcommand, its own flags included.
fn settings(common: &Common, own: Flags) -> anyhow::Result<Settings> {
    let mut flags = common.flags();
    flags.extend(own);
    Ok(config::read(common.config.clone(), &flags)?.0)
}

/// The settings of a subcommand that needs a database; inside `local`'s folder the running one is found by itself.
fn settings_with_parts(common: &Common, own: Flags) -> anyhow::Result<Settings> {
    let mut settings = settings(common, own)?;
    if settings.database.url.is_empty() || settings.kafka.brokers.is_empty() {
        local::find_running(&mut settings)?;
    }
    if settings.database.url.is_empty() {
        bail!(
            "no database is given and no `jangbu local` runs here: \
             start one, or give --database-url or JANGBU_DATABASE__URL"
        );
    }
    Ok(settings)
}

/// A clock for commands that need one.
fn clock() -> Arc<dyn jangbu_runtime::ports::Clock> {
    Arc::new(jangbu_runtime::ports::SystemClock)
}
