//! F7: rebuilding a view, against `QueryReplay` of cqrs-es into `GenericQuery`, and against reading and decoding alone.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use event_schemas::{EventList, StockEvent};
use jangbu_runtime::ports::{Documents, EventStore, Order, Query, Sort};
use jangbu_runtime::project::{ProjectOptions, Rebuild, definition_of, rebuild};
use projections::{StockLevel, stock_levels};
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::rate;
use crate::ours::open_store;
use crate::peers::postgres_es::PostgresEs;
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};
use crate::stored::{EACH, Stored};

/// So many times fewer events for the peer, which needs a transaction for each.
const FEWER_FOR_PEER: u64 = 50;
/// Documents of one page when the view is checked.
const PAGE: usize = 1_000;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F7",
        title: "rebuild of a view, against cqrs-es QueryReplay and reading and decoding alone",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let stored = Stored::new(plan.stored);
    let read = stored.clone();
    let for_peer = (plan.stored / FEWER_FOR_PEER).max(EACH);
    let sides = vec![
        Side::new("ours", move |bench| ours(bench, stored.clone())),
        Side::new("reading and decoding alone", move |bench| {
            reading(bench, read.clone())
        }),
        Side::new("QueryReplay", move |bench| replay(bench, for_peer)),
    ];
    let name = format!(
        "stock levels from {} events (QueryReplay: {for_peer})",
        plan.stored
    );
    vec![Case::new(name, Unit::PerSecond, sides)]
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let of = |side| Of::best(cases, side);
    [
        Promise::at_least("F7", 20.0, "events/s, ours / QueryReplay into GenericQuery")
            .ratio(of("ours"), of("QueryReplay")),
        Promise::at_least(
            "F7 reading",
            0.5,
            "events/s, ours / reading and decoding alone",
        )
        .ratio(of("ours"), of("reading and decoding alone")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn ours(bench: Bench, stored: Stored) -> Result<Measured> {
    let store = open_store(stored.get(&bench).await?).await?;
    let view = Arc::new(stock_levels());
    let task = Rebuild {
        view: view.clone(),
        documents: Arc::new(store.clone()),
        store: Arc::new(store.clone()),
        options: ProjectOptions::default(),
    };
    let began = Instant::now();
    let position = rebuild(&task, &mut |_| (), &CancellationToken::new()).await?;
    let figure = rate(stored.events, began.elapsed());
    ensure!(
        position == stored.events,
        "ours: rebuilt up to {position} of {}",
        stored.events
    );
    let definition = definition_of(&*view);
    let (mut shown, mut rows, mut after) = (0, 0, None);
    loop {
        let query = Query {
            bounds: Vec::new(),
            sort: Sort {
                column: None,
                order: Order::Ascending,
            },
            after,
            limit: PAGE,
        };
        let page = store.page(&definition, &query).await?.value;
        for row in &page.rows {
            let level: StockLevel = serde_json::from_slice(&row.document)?;
            shown += level.on_hand;
            rows += 1;
        }
        after = page.rows.last().map(|row| (None, row.key.clone()));
        if !page.more {
            break;
        }
    }
    store.close().await;
    ensure!(
        (rows, shown) == (stored.stocks(), stored.events),
        "ours: the view shows {shown} pieces in {rows} documents"
    );
    Ok(Measured::of(figure))
}

async fn reading(bench: Bench, stored: Stored) -> Result<Measured> {
    let store = open_store(stored.get(&bench).await?).await?;
    let began = Instant::now();
    let (mut after, mut pieces) = (0, 0);
    loop {
        let events = store
            .read(after, ProjectOptions::default().build_batch_events)
            .await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        for event in &events {
            let decoded = StockEvent::from_payload(&event.name, &event.version, &event.payload)?;
            if let StockEvent::StockReceived(received) = decoded {
                pieces += received.quantity.get();
            }
        }
    }
    let figure = rate(after, began.elapsed());
    store.close().await;
    ensure!(
        (after, pieces) == (stored.events, stored.events),
        "reading alone: {pieces} pieces in {after} events"
    );
    Ok(Measured::of(figure))
}

async fn replay(bench: Bench, events: u64) -> Result<Measured> {
    let peer = PostgresEs::open(&bench).await?;
    let stocks = events / EACH;
    peer.fill(stocks, EACH).await?;
    let began = Instant::now();
    peer.replay().await?;
    let figure = rate(stocks * EACH, began.elapsed());
    let shown = peer.shown().await?;
    peer.close().await;
    ensure!(
        shown == stocks * EACH,
        "QueryReplay: the view shows {shown} pieces of {}",
        stocks * EACH
    );
    Ok(Measured::of(figure))
}
