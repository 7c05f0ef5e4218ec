//! `jangbu parked`: what policies could not react to, and what is done about it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use jangbu_runtime::execute::{Engine, EngineOptions};
use jangbu_runtime::ports::{ContextState, EventStore, Parked, Progress};
use jangbu_runtime::react::{Redriven, redrive};
use jangbu_runtime::system::{ContextDefinition, System};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{clock, settings_with_parts, table};
use crate::cli::{Common, ParkedAction, ParkedArgs};
use crate::lifecycle;
use crate::mall::mall;

/// Rows listed per context; more are there when so many are shown.
const LISTED: usize = 1_000;

pub(super) async fn parked(common: &Common, args: ParkedArgs) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let store = Arc::new(lifecycle::postgres(&settings).await?);
    let system = Arc::new(mall());
    match args.action {
        None => list(&*store, &system, args.json).await?,
        Some(ParkedAction::Resume { context }) => {
            find(&system, &context)?;
            store.set_state(&context, &ContextState::Running).await?;
            eprintln!("{context} reacts again");
        }
        Some(ParkedAction::Redrive {
            context,
            aggregate,
            key,
        }) => {
            let context = find(&system, &context)?;
            let key = aggregate
                .zip(key)
                .map(|(aggregate, key)| (format!("{}{aggregate}", settings.kafka.prefix), key));
            let key = key
                .as_ref()
                .map(|(topic, key)| (topic.as_str(), key.as_str()));
            let redriven =
                serve_again(Arc::clone(&store), Arc::clone(&system), context, key).await?;
            println!("{redriven:?}");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Redriving gives commands, so it runs an engine of its own for as long as it takes.
async fn serve_again(
    store: Arc<jangbu_postgres::Postgres>,
    system: Arc<System>,
    context: &ContextDefinition,
    key: Option<(&str, &str)>,
) -> anyhow::Result<Redriven> {
    let cancel = CancellationToken::new();
    let events: Arc<dyn EventStore> = store.clone();
    let (engine, running) = Engine::new(
        system,
        Arc::clone(&events),
        clock(),
        EngineOptions::default(),
        cancel.clone(),
    );
    let running = tokio::spawn(running);
    let redriven = redrive(context, &*store, &*events, &engine, key).await;
    cancel.cancel();
    running.await.context("the engine broke down")?;
    Ok(redriven?)
}

fn find<'s>(system: &'s System, name: &str) -> anyhow::Result<&'s ContextDefinition> {
    let found = system
        .contexts()
        .iter()
        .find(|context| context.name() == name);
    let Some(context) = found else {
        let known: Vec<_> = system
            .contexts()
            .iter()
            .map(ContextDefinition::name)
            .collect();
        bail!(
            "no context is named {name:?}; there are {}",
            known.join(", ")
        );
    };
    Ok(context)
}

#[derive(Serialize)]
struct Row {
    context: String,
    aggregate_topic: String,
    key: String,
    position: u64,
    owed: Vec<String>,
    error: String,
}

impl From<Parked> for Row {
    fn from(parked: Parked) -> Self {
        Self {
            context: parked.context,
            aggregate_topic: parked.topic,
            key: parked.key,
            position: parked.position,
            owed: parked.owed,
            error: parked.error,
        }
    }
}

async fn list(progress: &dyn Progress, system: &System, json: bool) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for context in system.contexts() {
        if let ContextState::Stopped { why, since } = progress.state(context.name()).await? {
            eprintln!("{} is stopped since {since}: {why}", context.name());
        }
        let parked = progress.parked(context.name(), None, LISTED).await?;
        rows.extend(parked.into_iter().map(Row::from));
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    let rows = rows.into_iter().map(|row| {
        [
            row.context,
            row.aggregate_topic,
            row.key,
            row.position.to_string(),
            row.owed.join(" "),
            row.error,
        ]
    });
    println!(
        "{}",
        table::table(
            ["context", "topic", "key", "position", "owed", "error"],
            rows
        )
    );
    Ok(())
}
