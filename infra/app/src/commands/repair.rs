//! `jangbu repair`: what must not be mended by itself, because somebody must have looked.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use jangbu_runtime::relay::RelayOptions;
use jangbu_runtime::relay::repair::{refill, step_over};

use super::settings_with_parts;
use crate::cli::{Common, Repair, RepairArgs};
use crate::config::Settings;
use crate::lifecycle;
use crate::mall::mall;

pub(super) async fn repair(common: &Common, args: &RepairArgs) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    match args.what {
        Repair::Kafka => repair_kafka(&settings).await,
        Repair::Fork { yes } => repair_fork(&settings, yes).await,
    }
}

async fn repair_kafka(settings: &Settings) -> anyhow::Result<ExitCode> {
    let store = lifecycle::postgres(settings).await?;
    let kafka = lifecycle::kafka(settings)?;
    let options = relay_options(settings);
    let repaired = refill(&store, &kafka, &options).await?;
    if let Some(why) = repaired.was_stopped {
        eprintln!("the relay had stopped: {why}");
    }
    if repaired.refilled.is_empty() {
        eprintln!("no partition was wiped; the relay goes on");
    }
    for partition in repaired.refilled {
        println!("{partition}");
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn repair_fork(settings: &Settings, yes: bool) -> anyhow::Result<ExitCode> {
    if !yes {
        if !std::io::stdin().is_terminal() {
            bail!(
                "this accepts the store's history as it stands and begins a new incarnation; add --yes"
            );
        }
        eprint!("Accept the store's history as it stands, and begin a new incarnation? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !answer.trim().eq_ignore_ascii_case("y") {
            eprintln!("nothing was changed");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let owner = match &settings.database.owner_url {
        owner if owner.is_empty() => &settings.database.url,
        owner => owner,
    };
    let source = jangbu_postgres::repair_fork(owner).await?;
    let store = lifecycle::postgres(settings).await?;
    let kafka = lifecycle::kafka(settings)?;
    step_over(&store, &kafka, &relay_options(settings)).await?;
    store.close().await;
    println!("{source}");
    Ok(ExitCode::SUCCESS)
}

fn relay_options(settings: &Settings) -> RelayOptions {
    let mut options = RelayOptions::new(&settings.kafka.prefix, mall().aggregates());
    options.partitions = settings.kafka.partitions;
    options
}
