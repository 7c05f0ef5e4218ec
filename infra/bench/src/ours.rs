//! The engine on our PostgreSQL store, in this process, without HTTP.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use event_schemas::{OrderId, Quantity};
use inventory::{Stock, StockCommand};
use jangbu_postgres::testing::Fresh;
use jangbu_postgres::{Options, Postgres, verify};
use jangbu_runtime::execute::{Answered, Engine, EngineOptions, Execute, Origin, Submission};
use jangbu_runtime::ports::{Stream, SystemClock};
use jangbu_runtime::system::{System, context, system};
use kernel::Actor;
use order::OrderCommand;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bench::Bench;
use crate::load::drive;
use crate::scenario::Measured;

/// No command of a healthy run takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Opens a store the way `jangbu run` does; what tests check in addition is not checked.
pub async fn open_store(fresh: &Fresh) -> Result<Postgres> {
    Ok(Postgres::connect(&fresh.url, Options::default()).await?)
}

/// Verifies the whole ledger (dense positions, leaves, roots, chain) and that it holds as many events as expected.
pub async fn check_store(store: &Postgres, expected: u64) -> Result<()> {
    let report = verify(store, |_, _| ()).await?;
    if let Some(fault) = report.fault {
        bail!(
            "ours: the ledger is broken at {}: {}",
            fault.position,
            fault.what
        );
    }
    ensure!(
        report.events == expected,
        "ours: {} events stored, {expected} commands answered",
        report.events
    );
    Ok(())
}

/// An engine at work.
pub struct Ours {
    /// Its store.
    pub store: Postgres,
    /// To be asked.
    pub asking: Asking,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

/// A cheap handle that asks the engine.
#[derive(Clone)]
pub struct Asking {
    engine: Engine,
    system: Arc<System>,
}

impl Ours {
    /// On a fresh store.
    pub async fn open(bench: &Bench) -> Result<Self> {
        Self::open_on(&bench.fresh_store().await).await
    }

    /// On a store that is there.
    pub async fn open_on(fresh: &Fresh) -> Result<Self> {
        let store = open_store(fresh).await?;
        let system =
            Arc::new(system("bench").context(context("inventory").core().aggregate::<Stock>()));
        let cancel = CancellationToken::new();
        let (engine, running) = Engine::new(
            Arc::clone(&system),
            Arc::new(store.clone()),
            Arc::new(SystemClock),
            EngineOptions::default(),
            cancel.clone(),
        );
        Ok(Self {
            store,
            asking: Asking { engine, system },
            cancel,
            running: tokio::spawn(running),
        })
    }

    /// Ends the engine, then checks the store, then lets it go.
    pub async fn check_and_close(self, expected: u64) -> Result<()> {
        let store = self.end().await?;
        check_store(&store, expected).await?;
        store.close().await;
        Ok(())
    }

    /// Ends the engine; the store remains open.
    pub async fn end(self) -> Result<Postgres> {
        self.cancel.cancel();
        self.running.await.context("the engine died")?;
        Ok(self.store)
    }
}

impl Asking {
    /// A handle on an engine.
    #[must_use]
    pub fn new(engine: Engine, system: Arc<System>) -> Self {
        Self { engine, system }
    }

    /// Receives one piece of a SKU.
    pub async fn receive(&self, sku: String) -> Result<()> {
        let receive = StockCommand::Receive {
            quantity: Quantity::ONE,
        };
        self.ask(sku, &receive).await
    }

    /// Holds one piece of a SKU for an order of its own.
    pub async fn hold(&self, sku: String) -> Result<()> {
        let order = OrderId::from(Uuid::now_v7());
        let hold = StockCommand::Hold {
            order,
            quantity: Quantity::ONE,
        };
        self.ask(sku, &hold).await
    }

    /// Asks one stock.
    pub async fn ask(&self, sku: String, command: &StockCommand) -> Result<()> {
        self.ask_any("stock", sku, command).await
    }

    /// Asks one order.
    pub async fn ask_order(&self, id: Uuid, command: &OrderCommand) -> Result<()> {
        self.ask_any("order", id.to_string(), command).await
    }

    async fn ask_any<C>(&self, aggregate: &str, id: String, command: &C) -> Result<()>
    where
        C: Any + Sync,
    {
        let kind = self.system.kind(aggregate).context("the system knows it")?;
        let submission = Submission {
            command: kind.command(&id, command).context("one of its commands")?,
            stream: Stream::new(kind.name(), id),
            command_id: Uuid::now_v7(),
            actor: Actor::new("bench"),
            correlation_id: String::new(),
            causation_id: None,
            reason: None,
            traceparent: None,
            expected_version: None,
            deadline: Instant::now() + DEADLINE,
            origin: Origin::Person,
        };
        match self.engine.submit(submission).await?.outcome {
            Answered::Said(_) => Ok(()),
            other => bail!("{aggregate} did not say anything: {other:?}"),
        }
    }
}

/// One round of commands for a stock of its own each, in a closed loop; checked.
pub async fn receive_on_new_stocks(bench: Bench, in_flight: usize) -> Result<Measured> {
    let ours = Ours::open(&bench).await?;
    let asking = ours.asking.clone();
    let driven = drive(&bench.plan, in_flight, move |n| {
        let asking = asking.clone();
        async move { asking.receive(format!("sku-{n}")).await }
    })
    .await?;
    ours.check_and_close(driven.answered).await?;
    Ok(driven.measured)
}
