//! SQL by hand, as somebody.

use sqlx::{Connection, Executor, PgConnection};

/// Runs SQL as somebody, in one go.
pub async fn run(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sql).await.map(|_| ())
}
