//! Steady state: batches are appended one after the other while the relay carries them on. The other side appends the same
//! and hands each batch to a producer itself as soon as it is stored: the dual write that loses events in a crash.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use event_schemas::cloud_event::Headers;
use event_schemas::{Envelope, Source};
use jangbu_postgres::Postgres;
use jangbu_runtime::ports::{Appender, Entry, EventStore};

use super::{
    Measured, Relaying, Sampler, Threaded, check_store, number_of, open_store, rate, topics,
};
use crate::bench::Bench;
use crate::loader::{Template, append};
use crate::scenario::{Case, Side, Unit};

/// Events of an append, as they gather under load.
const BATCH: u64 = 256;

pub(super) fn case() -> Case {
    let sides = vec![
        Side::new("append and relay", relayed),
        Side::new("append and ThreadedProducer", dual),
    ];
    Case::new("appended and relayed at once", Unit::PerSecond, sides)
}

async fn relayed(bench: Bench) -> Result<Measured> {
    let store = open_store(&bench.fresh_store().await).await?;
    let relaying = Relaying::start(&bench, &store).await?;
    let mut appending = Appending::on(&store).await?;
    // It leads once the first events have come through.
    appending.batch().await?;
    relaying.reach(appending.stored).await?;
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let (begun, before) = (Instant::now(), appending.stored);
    while begun.elapsed() < bench.plan.length {
        appending.batch().await?;
    }
    relaying.reach(appending.stored).await?;
    let figure = rate(appending.stored - before, begun.elapsed());
    let measured = Measured::of(figure).and_all(sampler.end());
    relaying.end(&bench, appending.stored).await?;
    check_store(&store, appending.stored).await?;
    store.close().await;
    Ok(measured)
}

async fn dual(bench: Bench) -> Result<Measured> {
    let store = open_store(&bench.fresh_store().await).await?;
    let kafka = topics::kafka(bench.servers.brokers())?;
    let topic = format!("{}stock", bench.fresh_prefix());
    topics::create(&kafka, std::slice::from_ref(&topic)).await?;
    let source = store.source();
    let producer = Threaded::open(bench.servers.brokers())?;
    let mut appending = Appending::on(&store).await?;
    let batch = appending.batch().await?;
    send(&producer, &topic, &batch, &source, 0)?;
    let producer =
        tokio::task::spawn_blocking(move || producer.finish().map(|_| producer)).await??;
    let sampler = Sampler::begin(&bench, &[std::process::id()]);
    let (begun, before) = (Instant::now(), appending.stored);
    while begun.elapsed() < bench.plan.length {
        let stored = appending.stored;
        let batch = appending.batch().await?;
        send(&producer, &topic, &batch, &source, stored)?;
    }
    tokio::task::spawn_blocking(move || producer.finish()).await??;
    let figure = rate(appending.stored - before, begun.elapsed());
    let measured = Measured::of(figure).and_all(sampler.end());
    let count = topics::count(&kafka, &topic).await?;
    ensure!(
        count == appending.stored,
        "{count} records in the topic, {} events stored",
        appending.stored
    );
    topics::delete(bench.servers.brokers(), &[topic]).await?;
    check_store(&store, appending.stored).await?;
    store.close().await;
    Ok(measured)
}

/// Appends new stocks, batch by batch.
struct Appending {
    store: Postgres,
    appender: Box<dyn Appender>,
    template: Template,
    stored: u64,
}

impl Appending {
    async fn on(store: &Postgres) -> Result<Self> {
        Ok(Self {
            appender: store.appender().await?,
            store: store.clone(),
            template: Template::new()?,
            stored: 0,
        })
    }

    async fn batch(&mut self) -> Result<Vec<Entry>> {
        let numbers = self.stored..self.stored + BATCH;
        let batch: Vec<Entry> = numbers
            .map(|number| self.template.entry(&format!("sku-{number}"), 0))
            .collect();
        append(&mut *self.appender, &batch).await?;
        self.stored += number_of(&batch);
        self.store.announce(self.stored);
        Ok(batch)
    }
}

/// Hands over what was just stored, as the relay would.
fn send(
    producer: &Threaded,
    topic: &str,
    batch: &[Entry],
    source: &Source,
    after: u64,
) -> Result<()> {
    let recorded_at = chrono::Utc::now();
    let mut headers = Headers::new();
    let (aggregate, name, version): (Arc<str>, Arc<str>, Arc<str>) =
        ("stock".into(), "StockReceived".into(), "1".into());
    let events = batch.iter().flat_map(|entry| {
        let command_id = entry.command_id;
        entry.events.iter().map(move |event| (command_id, event))
    });
    for ((command_id, event), position) in events.zip(after + 1..) {
        let event = Envelope {
            position,
            event_id: event.event_id,
            aggregate: Arc::clone(&aggregate),
            id: event.stream.id.to_string(),
            sequence: event.sequence,
            name: Arc::clone(&name),
            version: Arc::clone(&version),
            payload: event.payload.clone(),
            metadata: event.metadata.clone(),
            command_id,
            command_ordinal: event.ordinal,
            recorded_at,
        };
        producer.send_event(topic, &event, source, &mut headers)?;
    }
    Ok(())
}
