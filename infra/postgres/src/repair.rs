//! Accepting a forked history: a new incarnation begins, so that nobody compares its positions with the old one's.

use event_schemas::Source;
use jangbu_runtime::ports::StoreError;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::error::store_error;
use crate::session::options;

/// Begins a new incarnation of the store behind the owner's URL: what stands in it now is its history. What views,
/// policies and the relay believed of positions beyond its head is set back to the head.
///
/// # Errors
/// Nothing was changed then.
pub async fn repair_fork(owner_url: &str) -> Result<Source, StoreError> {
    let failed = |error| store_error("begin a new incarnation", error);
    let mut connection = PgConnection::connect_with(&options(owner_url, "public")?)
        .await
        .map_err(failed)?;
    let mut transaction = connection.begin().await.map_err(failed)?;
    let row = sqlx::query(
        "WITH head AS (SELECT coalesce(max(last_position), 0) AS position FROM blocks)
        INSERT INTO incarnations (number, incarnation, head)
        SELECT (SELECT max(number) + 1 FROM incarnations), $1, head.position FROM head
        RETURNING incarnation, (SELECT name FROM store), head",
    )
    .bind(Uuid::now_v7())
    .fetch_one(&mut *transaction)
    .await
    .map_err(failed)?;
    let head: i64 = row.try_get(2).map_err(failed)?;
    for set_back in SET_BACK {
        sqlx::query(set_back)
            .bind(head)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    let source = Source {
        store: row.try_get(1).map_err(failed)?,
        incarnation: row.try_get(0).map_err(failed)?,
    };
    connection.close().await.map_err(failed)?;
    Ok(source)
}

/// Checkpoints are restored with the store they lie in, so none should be ahead; one that is (a partial restore) would
/// pass over events of the new history for ever.
const SET_BACK: [&str; 2] = [
    "UPDATE relay SET position = least(position, $1)",
    "UPDATE marks SET position = $1 WHERE position > $1",
];
