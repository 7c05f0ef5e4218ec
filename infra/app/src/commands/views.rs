//! `jangbu views`: how far each view is, and rebuilding one while it serves.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use jangbu_runtime::ports::{Documents, EventStore};
use jangbu_runtime::project::{ProjectOptions, Rebuild, definition_of, rebuild};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{settings_with_parts, table};
use crate::cli::{Common, ViewsAction, ViewsArgs};
use crate::lifecycle;
use crate::mall::mall;

#[derive(Serialize)]
struct Row {
    view: &'static str,
    version: u32,
    read: bool,
    position: u64,
    behind: u64,
    stopped: Option<String>,
}

pub(super) async fn views(common: &Common, args: ViewsArgs) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let store = Arc::new(lifecycle::postgres(&settings).await?);
    match args.action {
        None => list(&*store, &*store, args.json).await?,
        Some(ViewsAction::Rebuild { view }) => build_anew(&store, &view).await?,
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn list(documents: &dyn Documents, store: &dyn EventStore, json: bool) -> anyhow::Result<()> {
    let head = store.head().await?.position;
    let mut rows = Vec::new();
    for view in mall().views() {
        let definition = definition_of(&**view);
        let status = documents.status(&definition).await?;
        rows.push(Row {
            view: view.name(),
            version: view.version(),
            read: documents.current(view.name()).await? == Some(view.version()),
            position: status.position,
            behind: head.saturating_sub(status.position),
            stopped: status
                .stopped
                .map(|(position, why)| format!("at {position}: {why}")),
        });
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    let rows = rows.into_iter().map(|row| {
        let read = if row.read { "yes" } else { "no" }.to_owned();
        let stopped = row.stopped.unwrap_or_default();
        [
            row.view.to_owned(),
            row.version.to_string(),
            read,
            row.position.to_string(),
            row.behind.to_string(),
            stopped,
        ]
    });
    println!(
        "{}",
        table::table(
            ["view", "version", "read", "position", "behind", "stopped"],
            rows
        )
    );
    Ok(())
}

async fn build_anew(store: &Arc<jangbu_postgres::Postgres>, name: &str) -> anyhow::Result<()> {
    let system = mall();
    let Some(view) = system.views().iter().find(|view| view.name() == name) else {
        let known: Vec<_> = system.views().iter().map(|view| view.name()).collect();
        bail!("no view is named {name:?}; there are {}", known.join(", "));
    };
    let work = Rebuild {
        view: Arc::clone(view),
        documents: Arc::clone(store) as Arc<dyn Documents>,
        store: Arc::clone(store) as Arc<dyn EventStore>,
        options: ProjectOptions::default(),
    };
    let cancel = CancellationToken::new();
    let bar = lifecycle::progress_bar("rebuilding");
    let mut show =
        |progress: jangbu_runtime::project::Progress| bar.at(progress.position, progress.goal);
    let built = tokio::select! {
        built = rebuild(&work, &mut show, &cancel) => built?,
        _ = tokio::signal::ctrl_c() => bail!("interrupted; readers see what they saw before"),
    };
    bar.done();
    eprintln!("{name} was built from the first event and took over at position {built}");
    Ok(())
}
