//! `jangbu events`: lists events, or follows them as they come.

use std::process::ExitCode;

use event_schemas::cloud_event::Structured;
use jangbu_runtime::ports::{EventFilter, EventStore};

use super::{settings_with_parts, table};
use crate::cli::{Choice, Common, EventsArgs};
use crate::lifecycle;

/// Events read in one go.
pub(super) const PAGE: usize = 1_000;

/// What the flags choose.
pub(super) fn filter(choice: &Choice) -> EventFilter {
    EventFilter {
        aggregate: choice.aggregate.clone(),
        aggregate_id: choice.id.clone(),
        names: choice.names.clone(),
        actor: choice.actor.clone(),
        correlation_id: choice.correlation_id.clone(),
        command_id: None,
        until: choice.until,
    }
}

pub(super) async fn events(common: &Common, args: EventsArgs) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let store = lifecycle::postgres(&settings).await?;
    let filter = filter(&args.choice);
    let mut arrivals = store.arrivals();
    let (mut after, mut left) = (args.choice.from, args.limit);
    loop {
        let page = if args.follow { PAGE } else { PAGE.min(left) };
        let (events, looked) = store.search(&filter, after, page).await?;
        left = left.saturating_sub(events.len());
        if args.json {
            let source = store.source();
            for event in &events {
                println!(
                    "{}",
                    serde_json::to_string(&Structured::new(event, &source, None))?
                );
            }
        } else if !events.is_empty() {
            let rows = events.iter().map(|event| {
                let actor = event.read_metadata().actor;
                let subject = format!("{}/{}", event.aggregate, event.id);
                let payload = String::from_utf8_lossy(&event.payload).into_owned();
                let time = event
                    .recorded_at
                    .format("%Y-%m-%d %H:%M:%S%.3f")
                    .to_string();
                [
                    event.position.to_string(),
                    time,
                    subject,
                    event.name.to_string(),
                    actor,
                    payload,
                ]
            });
            println!(
                "{}",
                table::table(
                    [
                        "position",
                        "recorded at (UTC)",
                        "subject",
                        "event",
                        "actor",
                        "payload"
                    ],
                    rows
                )
            );
        }
        let at_end = looked >= store.head().await?.position
            || filter.until.is_some_and(|until| looked >= until);
        if !args.follow && (left == 0 || at_end) {
            break;
        }
        after = looked;
        if args.follow && at_end {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => break,
                _ = arrivals.wait_for(|newest| *newest > after) => {}
            }
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
