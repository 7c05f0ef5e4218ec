//! F5: the relay catching up on stored events, against one producer alone that has its records ready in memory; and the
//! relay in steady state, while events are appended.

mod steady;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jangbu_postgres::Postgres;
use jangbu_postgres::testing::Fresh;
use jangbu_runtime::ports::EventStore;
use jangbu_runtime::relay::{Relay, RelayOptions};
use sqlx::{Connection, Executor, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::rate;
use crate::ours::{check_store, open_store};
use crate::peers::producers::{Futures, Ready, Threaded};
use crate::plan::Plan;
use crate::sampling::Sampler;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::stored::Stored;
use crate::topics;

const OURS: &str = "relay";
const THREADED: &str = "ThreadedProducer alone";
const FUTURES: &str = "FutureProducer alone";
/// Records that the producers have ready and send again and again.
const READY: u64 = 20_000;
/// No catching up takes longer.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F5",
        title: "relay: stored events to Kafka",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let stored = Stored::new(plan.relayed);
    let (ours, threaded, futures) = (stored.clone(), stored.clone(), stored);
    let sides = vec![
        Side::new(OURS, move |bench| relay(bench, ours.clone())),
        Side::new(THREADED, move |bench| {
            alone(bench, threaded.clone(), THREADED)
        }),
        Side::new(FUTURES, move |bench| alone(bench, futures.clone(), FUTURES)),
    ];
    let name = format!("catching up on {} stored events", plan.relayed);
    vec![Case::new(name, Unit::PerSecond, sides), steady::case()]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let Some(case) = cases.first() else {
        return Vec::new();
    };
    // The faster of the two is the one to be held against.
    let producers = [THREADED, FUTURES].map(|name| Of::new(case, name));
    let median = |of: &Of<'_>| of.side.median().unwrap_or_default();
    let faster = producers
        .into_iter()
        .flatten()
        .max_by(|a, b| median(a).total_cmp(&median(b)));
    let what =
        "catching up, relay / the faster producer alone with the same records ready in memory";
    Promise::at_least("F5", 0.8, what)
        .ratio(Of::new(case, OURS), faster)
        .into_iter()
        .collect()
}

async fn relay(bench: Bench, stored: Stored) -> Result<Measured> {
    let events = bench.plan.relayed;
    let fresh = stored.get(&bench).await?;
    let mut owner = PgConnection::connect(&fresh.owner_url).await?;
    owner
        .execute("UPDATE relay SET position = 0, partitions = '[]', counts = '{}'")
        .await?;
    owner.close().await?;
    let store = open_store(fresh).await?;
    let relaying = Relaying::start(&bench, &store).await?;
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let begun = Instant::now();
    relaying.reach(events).await?;
    let measured = Measured::of(rate(events, begun.elapsed())).and_all(sampler.end());
    relaying.end(&bench, events).await?;
    if bench.round == 0 {
        check_store(&store, events).await?;
    }
    store.close().await;
    Ok(measured)
}

async fn alone(bench: Bench, stored: Stored, which: &'static str) -> Result<Measured> {
    let events = bench.plan.relayed;
    let fresh = stored.get(&bench).await?;
    let ready = ready(fresh).await?;
    let brokers = bench.servers.brokers().to_owned();
    let topic = format!("{}stock", bench.fresh_prefix());
    let kafka = topics::kafka(&brokers)?;
    topics::create(&kafka, std::slice::from_ref(&topic)).await?;
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let begun = Instant::now();
    let arrived = if which == THREADED {
        let topic = topic.clone();
        let sent = tokio::task::spawn_blocking(move || {
            let producer = Threaded::open(&brokers)?;
            for (record, _) in ready.iter().cycle().zip(0..events) {
                producer.send(&topic, record)?;
            }
            producer.finish()
        });
        sent.await??
    } else {
        let producer = Futures::open(&brokers)?;
        producer.send_all(&topic, &ready, events).await?
    };
    let measured = Measured::of(rate(events, begun.elapsed())).and_all(sampler.end());
    let count = topics::count(&kafka, &topic).await?;
    ensure!(
        arrived == events && count == events,
        "{which}: {count} records in the topic and {arrived} acknowledged of {events}"
    );
    topics::delete(bench.servers.brokers(), &[topic]).await?;
    Ok(measured)
}

/// A relay at work on a fresh topic.
struct Relaying {
    relay: Arc<Relay>,
    cancel: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    kafka: jangbu_kafka::Kafka,
    topic: String,
}

impl Relaying {
    async fn start(bench: &Bench, store: &Postgres) -> Result<Self> {
        let prefix = bench.fresh_prefix();
        let topic = format!("{prefix}stock");
        let kafka = topics::kafka(bench.servers.brokers())?;
        topics::create(&kafka, std::slice::from_ref(&topic)).await?;
        let store = Arc::new(store.clone());
        let relay = Arc::new(Relay::new(
            store.clone(),
            Arc::new(kafka.clone()),
            store,
            RelayOptions::new(prefix, ["stock"]),
        ));
        let cancel = CancellationToken::new();
        let (run, until) = (Arc::clone(&relay), cancel.clone());
        Ok(Self {
            relay,
            cancel,
            running: tokio::spawn(async move { run.run(until).await }),
            kafka,
            topic,
        })
    }

    /// Waits until everything up to a position is acknowledged by Kafka.
    async fn reach(&self, position: u64) -> Result<()> {
        let mut status = self.relay.status();
        let reached = status.wait_for(|status| status.position >= position);
        tokio::time::timeout(LIMIT, reached)
            .await
            .with_context(|| format!("the relay did not reach {position} within {LIMIT:?}"))??;
        Ok(())
    }

    /// Ends it, checks that each event is in the topic once, and takes the topic away.
    async fn end(self, bench: &Bench, expected: u64) -> Result<()> {
        self.cancel.cancel();
        self.running.await.context("the relay died")?;
        let count = topics::count(&self.kafka, &self.topic).await?;
        ensure!(
            count == expected,
            "relay: {count} records in the topic, {expected} events stored"
        );
        topics::delete(bench.servers.brokers(), &[self.topic]).await
    }
}

/// The first events, as the relay would send them.
async fn ready(fresh: &Fresh) -> Result<Vec<Ready>> {
    let store = open_store(fresh).await?;
    let mut events = Vec::new();
    loop {
        let more = store.read(number_of(&events), 5_000).await?;
        if more.is_empty() || number_of(&events) >= READY {
            break;
        }
        events.extend(more);
    }
    let ready = Ready::of(&events, &store.source());
    ensure!(!ready.is_empty(), "the store is empty");
    store.close().await;
    Ok(ready)
}

fn number_of<T>(all: &[T]) -> u64 {
    all.len() as u64
}
