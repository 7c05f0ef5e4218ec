//! The documents of views: a table per `(view, version)`, read together with its checkpoint in one statement.

mod lease;
mod marks;
mod page;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use futures::future::select;
use jangbu_runtime::ports::{
    Documents, Lease, Page, Query, Read, StoreError, ViewDefinition, ViewStatus,
};
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef, query};
use tokio::time::Instant;

use crate::envelope::{get, number, raw};
use crate::error::{refused, store_error};
use crate::migrate::view_columns;
use crate::postgres::Postgres;
pub(crate) use marks::Marks;

/// Between two looks at a checkpoint somebody waits for: at first, and at most.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_millis(20);

/// Where a checkpoint is: its columns, and the row by `$1`, `$2`, `$3`.
macro_rules! of_view {
    () => {
        "c.name = $1 AND c.version = $2 AND c.shadow = $3"
    };
}
pub(super) use of_view;

/// The table of a view's documents. Its name went through make_view(), which takes no other.
fn table(view: &ViewDefinition) -> Result<String, StoreError> {
    let fits =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if view.name.is_empty() || !view.name.chars().all(fits) {
        return Err(refused(format!("{:?} is no name for a view", view.name)));
    }
    let shadow = if view.shadow { "_shadow" } else { "" };
    Ok(format!("view_{}_v{}{shadow}", view.name, view.version))
}

fn no_room(view: &ViewDefinition) -> StoreError {
    refused(format!(
        "there is no room for view {} version {}",
        view.name, view.version
    ))
}

/// Reads the columns `position`, `stopped_at`, `stopped_why`, with which every answer begins.
fn status(row: &PgRow) -> Result<ViewStatus, StoreError> {
    let at: Option<i64> = get(row, 1)?;
    let why: Option<String> = get(row, 2)?;
    let stopped = at.zip(why).map(|(at, why)| (at.cast_unsigned(), why));
    Ok(ViewStatus {
        position: number(row, 0)?,
        stopped,
    })
}

fn read<T>(row: &PgRow, value: T) -> Result<Read<T>, StoreError> {
    let ViewStatus { position, stopped } = status(row)?;
    Ok(Read {
        value,
        position,
        stopped,
    })
}

/// A document: the binary form of jsonb is its version and the text.
fn document(row: &PgRow, at: usize) -> Result<Vec<u8>, StoreError> {
    Ok(raw(row, at)?.get(1..).unwrap_or_default().to_vec())
}

fn is_null(row: &PgRow, at: usize) -> Result<bool, StoreError> {
    let value = row
        .try_get_raw(at)
        .map_err(|error| store_error("read a row", error))?;
    Ok(value.is_null())
}

#[async_trait]
impl Documents for Postgres {
    async fn prepare(&self, view: &ViewDefinition) -> Result<(), StoreError> {
        let (names, kinds) = view_columns(view);
        let make = query("SELECT make_view($1, $2, $3, $4, $5)")
            .bind(view.name)
            .bind(view.version.cast_signed())
            .bind(view.shadow)
            .bind(names)
            .bind(kinds);
        self.shared
            .reads
            .take()
            .await?
            .rows("make room for a view", make)
            .await
            .map(|_| ())
    }

    async fn lease(&self, view: &ViewDefinition) -> Result<Option<Box<dyn Lease>>, StoreError> {
        lease::take(self, view).await
    }

    async fn get(
        &self,
        view: &ViewDefinition,
        key: &str,
    ) -> Result<Read<Option<Vec<u8>>>, StoreError> {
        let sql = format!(
            "SELECT c.position, c.stopped_at, c.stopped_why, d.document
            FROM view_checkpoints c LEFT JOIN {} d ON d.key = $4 WHERE {}",
            table(view)?,
            of_view!()
        );
        // A key with U+0000 stands nowhere, and cannot even be asked for.
        let key = (!key.contains('\0')).then_some(key);
        let get_one = query(&sql)
            .bind(view.name)
            .bind(view.version.cast_signed())
            .bind(view.shadow)
            .bind(key);
        let row = self
            .shared
            .reads
            .take()
            .await?
            .row("read a document", get_one)
            .await?;
        let row = row.ok_or_else(|| no_room(view))?;
        let value = if is_null(&row, 3)? {
            None
        } else {
            Some(document(&row, 3)?)
        };
        read(&row, value)
    }

    async fn page(&self, view: &ViewDefinition, query: &Query) -> Result<Read<Page>, StoreError> {
        page::page(self, view, query).await
    }

    async fn position(&self, view: &ViewDefinition) -> Result<u64, StoreError> {
        Ok(self.status(view).await?.position)
    }

    async fn reach(
        &self,
        view: &ViewDefinition,
        position: u64,
        wait: Duration,
    ) -> Result<u64, StoreError> {
        let until = Instant::now() + wait;
        let mut marks = self.shared.marks.listen();
        let mut pause = LOOK_AGAIN;
        loop {
            // Of a view that is kept in this process nothing need be asked: each commit says how far it came.
            let kept = marks.now(view);
            let reached = match kept {
                Some(reached) => reached,
                None => self.position(view).await?,
            };
            if reached >= position {
                return Ok(reached);
            }
            let now = Instant::now();
            if now >= until {
                return self.position(view).await;
            }
            let look_again = match kept {
                Some(_) => until,
                None => until.min(now + pause),
            };
            select(
                std::pin::pin!(marks.changed()),
                std::pin::pin!(tokio::time::sleep_until(look_again)),
            )
            .await;
            pause = (pause * 2).min(LOOK_AGAIN_AT_MOST);
        }
    }

    async fn status(&self, view: &ViewDefinition) -> Result<ViewStatus, StoreError> {
        let checkpoint = query(concat!(
            "SELECT c.position, c.stopped_at, c.stopped_why FROM view_checkpoints c WHERE ",
            of_view!()
        ))
        .bind(view.name)
        .bind(view.version.cast_signed())
        .bind(view.shadow);
        let row = self
            .shared
            .reads
            .take()
            .await?
            .row("read a view's checkpoint", checkpoint)
            .await?;
        status(&row.ok_or_else(|| no_room(view))?)
    }

    async fn current(&self, name: &str) -> Result<Option<u32>, StoreError> {
        let current = query("SELECT version FROM current_views WHERE name = $1").bind(name);
        let row = self
            .shared
            .reads
            .take()
            .await?
            .row("read a view's version", current)
            .await?;
        row.map(|row| Ok(get::<i32>(&row, 0)?.cast_unsigned()))
            .transpose()
    }

    async fn clear(&self, view: &ViewDefinition) -> Result<(), StoreError> {
        let mut session = self.shared.reads.take().await?;
        session.begin().await?;
        session
            .execute("empty a view", query(&format!("TRUNCATE {}", table(view)?)))
            .await?;
        let from_zero = query(concat!(
            "UPDATE view_checkpoints c SET position = 0, stopped_at = NULL, stopped_why = NULL WHERE ",
            of_view!()
        ))
        .bind(view.name)
        .bind(view.version.cast_signed())
        .bind(view.shadow);
        session.execute("empty a view", from_zero).await?;
        session.commit().await?;
        self.shared.marks.tell();
        Ok(())
    }

    async fn take_over(&self, view: &ViewDefinition) -> Result<bool, StoreError> {
        let take_over = query("SELECT take_over_view($1, $2, $3)")
            .bind(view.name)
            .bind(view.version.cast_signed())
            .bind(view.shadow);
        let row = self
            .shared
            .reads
            .take()
            .await?
            .row("take over", take_over)
            .await?;
        let taken = get(&row.ok_or_else(|| no_room(view))?, 0)?;
        self.shared.marks.tell();
        Ok(taken)
    }
}
