//! The peer: cqrs-es with postgres-es 0.5 on the same rules of Stock, written the way its documentation shows.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{AggregateError, CqrsFramework};
use event_schemas::{OrderId, Quantity};
use inventory::{Stock, StockCommand};
use jangbu_local::OwnServers;
use jangbu_runtime::root::{Root, RootCommand};
use postgres_es::PostgresEventRepository;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::load::{Scenario, drive};

const TABLE: &str = "
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";
/// As many connections as pay on two cores; more were slower.
const CONNECTIONS: u32 = 16;

type Framework =
    CqrsFramework<Root<Stock>, PersistedEventStore<PostgresEventRepository, Root<Stock>>>;

/// Commands per second.
pub async fn measure(
    servers: &OwnServers,
    scenario: Scenario,
    in_flight: usize,
    length: Duration,
) -> Result<f64> {
    let url = jangbu_postgres::testing::fresh_database(&servers.postgres.url()).await;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect(&url)
        .await?;
    sqlx::raw_sql(TABLE).execute(&pool).await?;
    let store = PersistedEventStore::new_event_store(PostgresEventRepository::new(pool.clone()));
    let framework: Arc<Framework> = Arc::new(CqrsFramework::new(store, Vec::new(), ()));
    if scenario == Scenario::HotStock {
        let plenty = Quantity::new(1_000_000_000).context("a billion is a quantity")?;
        execute(
            &framework,
            "hot",
            StockCommand::Receive { quantity: plenty },
        )
        .await?;
    }
    let one = Quantity::new(1).context("one is a quantity")?;
    let (rate, answered) = drive(in_flight, length, move |n| {
        let framework = Arc::clone(&framework);
        async move {
            match scenario {
                Scenario::ManyStocks => {
                    execute(
                        &framework,
                        &format!("sku-{n}"),
                        StockCommand::Receive { quantity: one },
                    )
                    .await
                }
                Scenario::HotStock => {
                    let order = OrderId::from(Uuid::now_v7());
                    execute(
                        &framework,
                        "hot",
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
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(&pool)
        .await?;
    let expected = answered + u64::from(scenario == Scenario::HotStock);
    ensure!(
        u64::try_from(stored)? == expected,
        "{stored} events stored, {expected} commands answered"
    );
    pool.close().await;
    Ok(rate)
}

/// Tries until no other got in between, as a user of the library must.
async fn execute(framework: &Framework, id: &str, command: StockCommand) -> Result<()> {
    loop {
        let command = RootCommand {
            command: command.clone(),
            context: kernel::kit::context(),
        };
        match framework.execute(id, command).await {
            Ok(()) => return Ok(()),
            Err(AggregateError::AggregateConflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
