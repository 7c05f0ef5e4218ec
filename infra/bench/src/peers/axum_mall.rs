//! Peer (b): the same Stock behind axum, on cqrs-es and postgres-es, written the way their documentation shows.
//!
//! `POST /stock/{id}` takes a command as JSON, `GET /stock/{id}` shows the view that a `GenericQuery` keeps. A conflict is
//! tried again until no other got in between, as a user of the library must.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use cqrs_es::persist::{GenericQuery, ViewRepository};
use cqrs_es::{AggregateError, Query};
use inventory::StockCommand;
use postgres_es::{PostgresCqrs, PostgresViewRepository, postgres_cqrs};
use sqlx::{Connection, Executor, PgConnection};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::plain_stock::{PlainCommand, PlainLevel, PlainStock};
use super::postgres_es::{CONNECTIONS, pool};

/// The table of postgres-es, as its `db/init.sql` has it.
const EVENTS: &str = "
CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";
/// And the table of a view.
const VIEW: &str = "
CREATE TABLE stock_levels (
    view_id text NOT NULL, version bigint CHECK (version >= 0) NOT NULL, payload json NOT NULL, PRIMARY KEY (view_id)
)";
/// In the URL of the database: keep the view, too.
const WITH_VIEW: &str = "?with_view";

type Views = PostgresViewRepository<PlainLevel, PlainStock>;

struct Mall {
    framework: PostgresCqrs<PlainStock>,
    views: Option<Arc<Views>>,
}

/// Makes its tables.
pub async fn prepare(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(EVENTS).await?;
    connection.execute(VIEW).await?;
    connection.close().await?;
    Ok(())
}

/// The argument for [`serve`] that has the view kept, too.
#[must_use]
pub fn with_view(url: &str) -> String {
    format!("{url}{WITH_VIEW}")
}

/// Serves on a free port, which it says, until it is killed.
pub async fn serve(url: &str) -> Result<()> {
    let (url, keeps_view) = match url.strip_suffix(WITH_VIEW) {
        Some(url) => (url, true),
        None => (url, false),
    };
    let pool = pool(url, CONNECTIONS)
        .await
        .context("the database does not answer")?;
    let mut queries: Vec<Box<dyn Query<PlainStock>>> = Vec::new();
    let mut views = None;
    if keeps_view {
        let repository = Arc::new(Views::new("stock_levels", pool.clone()));
        queries.push(Box::new(GenericQuery::new(Arc::clone(&repository))));
        views = Some(repository);
    }
    let mall = Mall {
        framework: postgres_cqrs(pool, queries, ()),
        views,
    };
    let router = Router::new()
        .route("/stock/{id}", post(command).get(query))
        .with_state(Arc::new(mall));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("ready; listening on http://{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

async fn command(
    State(mall): State<Arc<Mall>>,
    Path(id): Path<String>,
    Json(command): Json<StockCommand>,
) -> Response {
    loop {
        let asked = PlainCommand {
            command: command.clone(),
            context: kernel::kit::context(),
        };
        let metadata = HashMap::from([
            ("actor".to_owned(), "anonymous".to_owned()),
            ("command_id".to_owned(), Uuid::now_v7().to_string()),
        ]);
        let done = mall.framework.execute_with_metadata(&id, asked, metadata);
        match done.await {
            Ok(()) => {
                return (StatusCode::CREATED, Json(serde_json::json!({ "id": id })))
                    .into_response();
            }
            Err(AggregateError::AggregateConflict) => {}
            Err(AggregateError::UserError(rejection)) => {
                return (StatusCode::UNPROCESSABLE_ENTITY, rejection.to_string()).into_response();
            }
            Err(error) => {
                return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
            }
        }
    }
}

async fn query(State(mall): State<Arc<Mall>>, Path(id): Path<String>) -> Response {
    let Some(views) = &mall.views else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match views.load(&id).await {
        Ok(Some(view)) => Json(view).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
