//! The engine on our Postgres store, driven in process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use event_schemas::{OrderId, Quantity};
use inventory::{Stock, StockCommand};
use jangbu_local::OwnServers;
use jangbu_runtime::execute::{Answered, Engine, EngineOptions, Execute, Origin, Submission};
use jangbu_runtime::ports::{EventStore, Stream, SystemClock};
use jangbu_runtime::system::{System, context, system};
use kernel::Actor;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::load::{Scenario, drive};

/// Commands per second.
pub async fn measure(
    servers: &OwnServers,
    scenario: Scenario,
    in_flight: usize,
    length: Duration,
) -> Result<f64> {
    let store: Arc<dyn EventStore> =
        Arc::new(jangbu_postgres::testing::fresh_store(&servers.postgres.url()).await);
    let system =
        Arc::new(system("bench").context(context("inventory").core().aggregate::<Stock>()));
    let cancel = CancellationToken::new();
    let (engine, running) = Engine::new(
        Arc::clone(&system),
        Arc::clone(&store),
        Arc::new(SystemClock),
        EngineOptions::default(),
        cancel.clone(),
    );
    let running = tokio::spawn(running);
    if scenario == Scenario::HotStock {
        let plenty = Quantity::new(1_000_000_000).context("a billion is a quantity")?;
        ask(
            &engine,
            &system,
            "hot".to_owned(),
            StockCommand::Receive { quantity: plenty },
        )
        .await?;
    }
    let one = Quantity::new(1).context("one is a quantity")?;
    let driven = engine.clone();
    let (rate, answered) = drive(in_flight, length, move |n| {
        let (engine, system) = (driven.clone(), Arc::clone(&system));
        async move {
            match scenario {
                Scenario::ManyStocks => {
                    ask(
                        &engine,
                        &system,
                        format!("sku-{n}"),
                        StockCommand::Receive { quantity: one },
                    )
                    .await
                }
                Scenario::HotStock => {
                    let order = OrderId::from(Uuid::now_v7());
                    ask(
                        &engine,
                        &system,
                        "hot".to_owned(),
                        StockCommand::Hold {
                            order,
                            quantity: one,
                        },
                    )
                    .await
                }
            }
        }
    })
    .await?;
    let head = store.head().await?.position;
    let expected = answered + u64::from(scenario == Scenario::HotStock);
    ensure!(
        head == expected,
        "{head} events stored, {expected} commands answered"
    );
    cancel.cancel();
    running.await?;
    Ok(rate)
}

async fn ask(engine: &Engine, system: &System, id: String, command: StockCommand) -> Result<()> {
    let kind = system.kind("stock").context("the system has stock")?;
    let submission = Submission {
        command: kind.command(&id, &command).context("a command of stock")?,
        stream: Stream::new(kind.name(), id),
        command_id: Uuid::now_v7(),
        actor: Actor::new("bench"),
        correlation_id: String::new(),
        causation_id: None,
        reason: None,
        traceparent: None,
        expected_version: None,
        deadline: Instant::now() + Duration::from_secs(30),
        origin: Origin::Person,
    };
    match engine.submit(submission).await?.outcome {
        Answered::Said(_) => Ok(()),
        other => bail!("stock did not say anything: {other:?}"),
    }
}
