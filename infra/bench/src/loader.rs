//! Fills a store fast, through the same append function as everybody: large batches, the next made while one commits.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use event_schemas::stock::StockReceived;
use event_schemas::{EventList, Quantity, StockEvent};
use jangbu_postgres::Postgres;
use jangbu_postgres::testing::{self, Fresh};
use jangbu_runtime::hash;
use jangbu_runtime::ports::{Appender, Entry, EventStore, FastOutcome, NewEvent, Stream};
use jangbu_runtime::project::definition_of;
use uuid::Uuid;

use crate::bench::Bench;
use crate::ours::open_store;

/// Events of one append: large enough that a commit's fsync hardly counts.
const BATCH: u64 = 2_000;

/// What every event of a filled store looks like: what the engine would have stored for a receive of one piece.
#[derive(Clone)]
pub struct Template {
    payload: Bytes,
    metadata: Bytes,
}

impl Template {
    /// The payload of today's binary.
    pub fn new() -> Result<Self> {
        let event = StockEvent::from(StockReceived {
            quantity: Quantity::ONE,
        });
        let metadata = format!(
            r#"{{"actor":"bench","correlation_id":"{}","command":"receive","digest":"{}"}}"#,
            Uuid::now_v7(),
            "0".repeat(64)
        );
        Ok(Self {
            payload: event.to_payload()?.into(),
            metadata: metadata.into(),
        })
    }

    /// One received piece as an entry, hashed.
    #[must_use]
    pub fn entry(&self, sku: &str, version: u64) -> Entry {
        let command_id = Uuid::now_v7();
        let mut entry = self.unhashed(sku, version, command_id);
        for event in &mut entry.events {
            event.leaf = hash::leaf_of(event, command_id);
        }
        entry
    }

    /// The same without its hash, as somebody stores it who does not hash.
    #[must_use]
    pub fn unhashed(&self, sku: &str, version: u64, command_id: Uuid) -> Entry {
        let stream = Stream::new("stock", sku);
        let event = NewEvent {
            stream: stream.clone(),
            sequence: version + 1,
            name: "StockReceived".into(),
            version: "1".into(),
            payload: self.payload.clone(),
            metadata: self.metadata.clone(),
            event_id: Uuid::now_v7(),
            ordinal: 0,
            leaf: [0; 32],
        };
        Entry {
            command_id,
            stream,
            version,
            expected_version: None,
            events: vec![event],
            version_known: true,
        }
    }
}

/// Appends events `from … to`, spread in turn over `stocks` SKUs (`sku-0` …). `progress` hears how many are stored; if it
/// says false, filling ends there. Answers how many are stored.
pub async fn fill(
    store: &Postgres,
    from: u64,
    to: u64,
    stocks: u64,
    mut progress: impl FnMut(u64) -> bool,
) -> Result<u64> {
    let template = Template::new()?;
    let mut appender = store.appender().await?;
    let mut next = make(&template, from, to.min(from + BATCH), stocks);
    let mut stored = from;
    while stored < to {
        let batch = next.await.context("making a batch")?;
        stored += batch.len() as u64;
        next = make(&template, stored, to.min(stored + BATCH), stocks);
        append(&mut *appender, &batch).await?;
        if !progress(stored) {
            break;
        }
    }
    Ok(stored)
}

/// Appends a batch of new facts whole.
pub async fn append(appender: &mut dyn Appender, batch: &[Entry]) -> Result<()> {
    let outcome = appender.append(batch).await?;
    ensure!(
        matches!(outcome, FastOutcome::Appended(_)),
        "the store did not take a batch"
    );
    Ok(())
}

fn make(
    template: &Template,
    from: u64,
    to: u64,
    stocks: u64,
) -> tokio::task::JoinHandle<Vec<Entry>> {
    let template = template.clone();
    tokio::task::spawn_blocking(move || {
        (from..to)
            .map(|n| template.entry(&format!("sku-{}", n % stocks), n / stocks))
            .collect()
    })
}

/// A store of its own with so many events over so many stocks, kept until the scenario is over, and closed.
/// It has a room for the view of stock levels.
pub async fn filled(bench: &Bench, events: u64, stocks: u64) -> Result<Fresh> {
    let views = [definition_of(&projections::stock_levels())];
    let fresh = testing::fresh(bench.servers.admin_url(), &views).await;
    bench.servers.keep(&fresh.owner_url);
    fill_whole(&fresh, events, stocks).await?;
    Ok(fresh)
}

/// The same for one round.
pub async fn filled_for_now(bench: &Bench, events: u64, stocks: u64) -> Result<Fresh> {
    let fresh = bench.fresh_store().await;
    fill_whole(&fresh, events, stocks).await?;
    Ok(fresh)
}

async fn fill_whole(fresh: &Fresh, events: u64, stocks: u64) -> Result<()> {
    let store = open_store(fresh).await?;
    fill(&store, 0, events, stocks, |_| true).await?;
    store.close().await;
    settle(fresh).await
}

/// Statistics and visibility as they would be in a store that grew slowly.
pub async fn settle(fresh: &Fresh) -> Result<()> {
    use sqlx::{Connection, Executor};
    let mut owner = sqlx::PgConnection::connect(&fresh.owner_url).await?;
    owner.execute("VACUUM (ANALYZE) events").await?;
    owner.close().await?;
    Ok(())
}
