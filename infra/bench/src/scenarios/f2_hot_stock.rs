//! F2: one hot stock until it is sold out and beyond, against postgres-es and against our own rate on many stocks.
//!
//! A sale has as many pieces as each side can sell in a part of the round, so that both meet the moment at which the last
//! piece goes with everybody in flight; afterwards each hold leaves the fact that there was none.

use std::sync::Arc;

use anyhow::{Result, ensure};
use event_schemas::{OrderId, Quantity};
use inventory::StockCommand;
use jangbu_runtime::ports::EventStore;
use uuid::Uuid;

use crate::bench::Bench;
use crate::judge::{Of, Promise};
use crate::latency::number;
use crate::load::drive;
use crate::ours::{Ours, check_store, receive_on_new_stocks};
use crate::peers::postgres_es::PostgresEs;
use crate::plan::Plan;
use crate::scenario::{Case, CaseResult, Measured, Scenario, Side, Unit, Verdict};

/// Pieces of our sale.
const OURS: u64 = 20_000;
/// Pieces of our sale in a quick run.
const OURS_QUICK: u64 = 500;
/// Pieces of the peer's sale: it sells some hundred a second, and is to meet the end within the round, too.
const PEERS: u64 = 100;
/// Pieces of the peer's sale in a quick run.
const PEERS_QUICK: u64 = 20;

/// The scenario.
#[must_use]
pub fn scenario() -> Scenario {
    Scenario {
        id: "F2",
        title: "one hot stock until it is sold out, against postgres-es and our own rate on many stocks",
        cases,
        judge,
    }
}

fn cases(plan: &Plan) -> Vec<Case> {
    let case = |&in_flight: &usize| {
        let mut sides = vec![
            Side::new("ours", move |bench| hot_ours(bench, in_flight)),
            Side::new("ours, many stocks", move |bench| {
                receive_on_new_stocks(bench, in_flight)
            }),
        ];
        if in_flight == 32 {
            sides.push(Side::new("postgres-es", move |bench| {
                hot_postgres_es(bench, in_flight)
            }));
        }
        Case::new(
            format!("one hot stock, {in_flight} in flight"),
            Unit::PerSecond,
            sides,
        )
        .at(
            "Holds of one stock",
            "commands in flight",
            number(in_flight as u64),
        )
    };
    plan.hot_in_flight.iter().map(case).collect()
}

fn judge(cases: &[CaseResult]) -> Vec<Verdict> {
    let against_peer = cases.iter().find_map(|case| {
        let promise = Promise::at_least("F2", 200.0, "holds/s, ours / postgres-es, 32 in flight");
        promise.ratio(Of::new(case, "ours"), Of::new(case, "postgres-es"))
    });
    let against_ours = Promise::at_least(
        "F2 own rate",
        0.8,
        "commands/s, one hot stock / many stocks, both ours, at the best concurrency of each",
    )
    .ratio(
        Of::best(cases, "ours"),
        Of::best(cases, "ours, many stocks"),
    );
    [against_peer, against_ours].into_iter().flatten().collect()
}

async fn hot_ours(bench: Bench, in_flight: usize) -> Result<Measured> {
    let ours = Ours::open(&bench).await?;
    let pieces = if bench.plan.quick { OURS_QUICK } else { OURS };
    let receive = StockCommand::Receive {
        quantity: Quantity::new(pieces)?,
    };
    ours.asking.ask("hot".to_owned(), &receive).await?;
    let asking = ours.asking.clone();
    let driven = drive(&bench.plan, in_flight, move |_| {
        let asking = asking.clone();
        async move { asking.hold("hot".to_owned()).await }
    })
    .await?;
    let store = ours.end().await?;
    check_store(&store, driven.answered + 1).await?;
    let mut held = 0;
    let mut after = 0;
    loop {
        let events = store.read(after, 10_000).await?;
        let Some(last) = events.last() else { break };
        after = last.position;
        held += events
            .iter()
            .filter(|event| &*event.name == "StockHeld")
            .count() as u64;
    }
    store.close().await;
    check_sale("ours", pieces, driven.answered, held)?;
    Ok(driven.measured.and("pieces sold", number(held)))
}

async fn hot_postgres_es(bench: Bench, in_flight: usize) -> Result<Measured> {
    let peer = PostgresEs::open(&bench).await?;
    let pieces = if bench.plan.quick { PEERS_QUICK } else { PEERS };
    let receive = StockCommand::Receive {
        quantity: Quantity::new(pieces)?,
    };
    peer.execute("hot", receive).await?;
    let asked = Arc::new(peer.clone());
    let driven = drive(&bench.plan, in_flight, move |_| {
        let peer = Arc::clone(&asked);
        async move {
            let hold = StockCommand::Hold {
                order: OrderId::from(Uuid::now_v7()),
                quantity: Quantity::ONE,
            };
            peer.execute("hot", hold).await.map(|_| ())
        }
    })
    .await?;
    peer.check(driven.answered + 1).await?;
    let held = peer.stored("StockHeld").await?;
    peer.close().await;
    check_sale("postgres-es", pieces, driven.answered, held)?;
    Ok(driven.measured.and("pieces sold", number(held)))
}

/// Every piece was sold, as far as there were buyers, and none twice.
fn check_sale(who: &str, pieces: u64, asked: u64, held: u64) -> Result<()> {
    let due = pieces.min(asked);
    ensure!(
        held == due,
        "{who}: {held} pieces were sold of {pieces}, asked for {asked} times"
    );
    Ok(())
}
