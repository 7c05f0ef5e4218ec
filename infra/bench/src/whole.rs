//! The whole mall in this process: the engine alone, or with relay, policies and views beside it; without HTTP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jangbu_kafka::Kafka;
use jangbu_postgres::{Postgres, testing};
use jangbu_runtime::execute::{Engine, EngineOptions};
use jangbu_runtime::follow::{FollowOptions, Follower};
use jangbu_runtime::ports::{EventStore, SystemClock};
use jangbu_runtime::project::{ProjectOptions, Projector, ViewHealth};
use jangbu_runtime::react::{Dependencies, ReactOptions, Reactor};
use jangbu_runtime::relay::{Relay, RelayOptions, RelayStatus};
use jangbu_runtime::system::System;
use order::OrderCommand;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bench::Bench;
use crate::ours::{Asking, open_store};
use crate::topics;

/// How long the parts may take to begin, or to catch up.
const LIMIT: Duration = Duration::from_secs(120);
/// An order for what is not there has been through every policy when nothing was stored for so long.
const QUIET: Duration = Duration::from_millis(500);
/// A mall at work.
pub struct Whole {
    /// Its store.
    pub store: Postgres,
    /// To be asked.
    pub asking: Asking,
    /// What was stored before it was handed out.
    pub before: u64,
    system: Arc<System>,
    beside: Option<Beside>,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

/// What runs beside the engine.
struct Beside {
    relay: watch::Receiver<RelayStatus>,
    views: Vec<watch::Receiver<ViewHealth>>,
    running: JoinSet<()>,
    cancel: CancellationToken,
    topics: Vec<String>,
}

impl Whole {
    /// On a fresh store, with everything beside the engine or with nothing.
    pub async fn open(bench: &Bench, with_everything: bool) -> Result<Self> {
        let views = jangbu::lifecycle::view_definitions();
        let fresh = testing::fresh(bench.servers.admin_url(), &views).await;
        let store = open_store(&fresh).await?;
        let system = Arc::new(jangbu::mall::mall());
        let cancel = CancellationToken::new();
        let (engine, running) = Engine::new(
            Arc::clone(&system),
            Arc::new(store.clone()),
            Arc::new(SystemClock),
            EngineOptions::default(),
            cancel.clone(),
        );
        let running = tokio::spawn(running);
        let mut whole = Self {
            asking: Asking::new(engine.clone(), Arc::clone(&system)),
            before: 0,
            beside: None,
            system,
            cancel,
            running,
            store,
        };
        if with_everything {
            whole.beside = Some(whole.start(bench, &engine).await?);
            whole.try_out().await?;
        }
        Ok(whole)
    }

    async fn start(&self, bench: &Bench, engine: &Engine) -> Result<Beside> {
        let prefix = bench.fresh_prefix();
        let names = self.system.aggregates();
        let topics: Vec<String> = names.map(|name| format!("{prefix}{name}")).collect();
        let kafka = topics::kafka(bench.servers.brokers())?;
        topics::create(&kafka, &topics).await?;
        let (store, kafka) = (Arc::new(self.store.clone()), Arc::new(kafka));
        let mut running = JoinSet::new();
        let cancel = CancellationToken::new();

        let options = RelayOptions::new(&prefix, self.system.aggregates());
        let relay = Relay::new(store.clone(), kafka.clone(), store.clone(), options);
        let relay_status = relay.status();
        let until = cancel.clone();
        running.spawn(async move { relay.run(until).await });

        self.start_policies(engine, &kafka, &prefix, &mut running, &cancel);

        let follower = Follower::new(store.clone(), &FollowOptions::default());
        let views = self.system.views().to_vec();
        let projector = Projector::new(
            views,
            store,
            Arc::clone(&follower),
            ProjectOptions::default(),
        );
        let health = projector.health();
        let (until, also) = (cancel.clone(), cancel.clone());
        running.spawn(async move { follower.run(until).await });
        running.spawn(async move { projector.run(also).await });
        Ok(Beside {
            relay: relay_status,
            views: health,
            running,
            cancel,
            topics,
        })
    }

    fn start_policies(
        &self,
        engine: &Engine,
        kafka: &Arc<Kafka>,
        prefix: &str,
        running: &mut JoinSet<()>,
        cancel: &CancellationToken,
    ) {
        let store = Arc::new(self.store.clone());
        let with = Dependencies {
            log: kafka.clone(),
            progress: store.clone(),
            store: store.clone(),
            ledger: store,
            execute: Arc::new(engine.clone()),
            clock: Arc::new(SystemClock),
        };
        for context in self.system.contexts() {
            let options = ReactOptions {
                prefix: prefix.to_owned(),
                ..ReactOptions::default()
            };
            let reactor = Reactor::new(context, with.clone(), options);
            let until = cancel.clone();
            running.spawn(async move { reactor.run(until).await });
        }
    }

    /// Places orders for what is not there until the policies hear of them (they begin where they were first registered,
    /// so the first may be too early), and waits until they have had their say: then all parts are at work.
    async fn try_out(&mut self) -> Result<()> {
        let begun = tokio::time::Instant::now();
        let (mut placed, mut head) = (0, 0);
        loop {
            let answered = head > placed;
            if !answered {
                self.place_in_vain().await?;
                placed += 1;
            }
            tokio::time::sleep(QUIET).await;
            let now = self.store.head().await?.position;
            if answered && now == head {
                break;
            }
            head = now;
            if begun.elapsed() > LIMIT {
                bail!("the policies did not begin within {LIMIT:?}");
            }
        }
        self.before = head;
        self.caught_up(head).await
    }

    async fn place_in_vain(&self) -> Result<()> {
        let place: OrderCommand = serde_json::from_value(json!({ "place": {
            "customer": Uuid::now_v7(),
            "lines": [{ "sku": "nothing", "quantity": 1, "unit_price": { "amount": 1000, "currency": "KRW" } }],
            "ship_to": {
                "recipient": "Anne", "street": "1 Jongno", "city": "Seoul", "postcode": "03154", "country": "KR",
            },
        } }))?;
        self.asking.ask_order(Uuid::now_v7(), &place).await
    }

    /// Waits until relay and views have come so far.
    pub async fn caught_up(&mut self, position: u64) -> Result<()> {
        let Some(beside) = &mut self.beside else {
            return Ok(());
        };
        let all = async {
            beside
                .relay
                .wait_for(|relay| relay.position >= position)
                .await?;
            for view in &mut beside.views {
                view.wait_for(|view| view.position >= Some(position))
                    .await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        let caught_up = tokio::time::timeout(LIMIT, all).await;
        caught_up
            .with_context(|| format!("relay and views did not reach {position} within {LIMIT:?}"))?
    }

    /// Records in all its topics.
    pub async fn relayed(&self, bench: &Bench) -> Result<Option<u64>> {
        let Some(beside) = &self.beside else {
            return Ok(None);
        };
        let kafka = topics::kafka(bench.servers.brokers())?;
        let mut records = 0;
        for topic in &beside.topics {
            records += topics::count(&kafka, topic).await?;
        }
        Ok(Some(records))
    }

    /// Ends everything in order; the store remains open.
    pub async fn end(self, bench: &Bench) -> Result<Postgres> {
        if let Some(mut beside) = self.beside {
            beside.cancel.cancel();
            while let Some(ended) = beside.running.join_next().await {
                ended.context("a part of the mall died")?;
            }
            topics::delete(bench.servers.brokers(), &beside.topics).await?;
        }
        self.cancel.cancel();
        self.running.await.context("the engine died")?;
        Ok(self.store)
    }
}
