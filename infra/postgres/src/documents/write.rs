//! Writing documents: each batch is one statement, so one round trip and one transaction.

use std::collections::{BTreeSet, HashMap};

use jangbu_runtime::ports::{StoreError, ViewDefinition};
use kernel::{Change, ColumnKind, ColumnValue, Found};
use sqlx::query;

use super::{document, of_view, table};
use crate::array::{Array, Jsonb, Moment};
use crate::envelope::{get, number};
use crate::session::{Session, Statement};

/// A room as whoever holds its lease sees it, with its statements written once.
pub(super) struct Room {
    name: &'static str,
    version: i32,
    shadow: bool,
    lease: i64,
    kinds: Vec<ColumnKind>,
    select: String,
    commit: String,
    write_ahead: String,
}

/// Whether the lease still stood.
pub(super) enum Written {
    Done,
    NotOurs,
}

/// The parameters before the documents: name, version, shadow, lease, from, to.
const FIXED: usize = 6;

impl Room {
    pub(super) fn of(view: &ViewDefinition, lease: i64) -> Result<Self, StoreError> {
        let table = table(view)?;
        let kinds: Vec<_> = view.columns.iter().map(|(_, kind)| *kind).collect();
        let columns: String = view
            .columns
            .iter()
            .map(|(name, _)| format!(", {name}"))
            .collect();
        let arrays: String = kinds
            .iter()
            .zip(FIXED + 4..)
            .map(|(kind, at)| format!(", ${at}::{}[]", sql_type(*kind)))
            .collect();
        let excluded: String = view
            .columns
            .iter()
            .map(|(name, _)| format!(", {name} = excluded.{name}"))
            .collect();
        let put = |from: &str, is_new: &str| {
            format!(
                "INSERT INTO {table} AS d (key, document, position{columns})
                SELECT n.key, n.document, n.position{} FROM {from},
                    unnest($7::text[], $8::jsonb[], $9::bigint[]{arrays}) AS n (key, document, position{columns})
                {is_new}
                ON CONFLICT (key) DO UPDATE SET document = excluded.document, position = excluded.position{excluded}",
                view.columns.iter().map(|(name, _)| format!(", n.{name}")).collect::<String>(),
            )
        };
        Ok(Self {
            name: view.name,
            version: view.version.cast_signed(),
            shadow: view.shadow,
            lease,
            kinds,
            select: format!("SELECT key, position, document FROM {table} WHERE key = ANY ($1)"),
            commit: format!(
                "WITH moved AS (
                    UPDATE view_checkpoints c SET position = $6 WHERE {} AND c.lease = $4 AND c.position = $5
                    RETURNING c.name
                ), gone AS (
                    DELETE FROM {table} d USING moved WHERE d.key IN (
                        SELECT n.key FROM unnest($7::text[], $8::jsonb[]) AS n (key, document) WHERE n.document IS NULL)
                ), put AS ({})
                SELECT count(*) FROM moved",
                of_view!(),
                put("moved", "WHERE n.document IS NOT NULL"),
            ),
            write_ahead: format!(
                "WITH held AS (
                    SELECT c.name FROM view_checkpoints c WHERE {} AND c.lease = $4 AND $5::bigint = $6::bigint FOR SHARE
                ), put AS ({} WHERE d.position < excluded.position)
                SELECT count(*) FROM held",
                of_view!(),
                put("held", ""),
            ),
        })
    }

    pub(super) fn checkpoint(&self) -> Statement<'_> {
        self.bind(query(concat!(
            "SELECT c.position FROM view_checkpoints c WHERE ",
            of_view!(),
            " AND c.lease = $4"
        )))
    }

    pub(super) fn stop<'q>(&'q self, stopped: Option<(u64, &'q str)>) -> Statement<'q> {
        let (at, why) = stopped.unzip();
        self.bind(query(concat!(
            "UPDATE view_checkpoints c SET stopped_at = $5, stopped_why = $6 WHERE ",
            of_view!(),
            " AND c.lease = $4"
        )))
        .bind(at.map(u64::cast_signed))
        .bind(why.map(|why| why.replace('\0', "\u{2400}")))
    }

    pub(super) async fn documents(
        &self,
        session: &mut Session,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, Found>, StoreError> {
        let select = query(&self.select).bind(Array(keys.iter().map(String::as_str)));
        let rows = session.rows("read documents", select).await?;
        let found = rows.iter().map(|row| {
            let is_tombstone = super::is_null(row, 2)?;
            let document = if is_tombstone {
                None
            } else {
                Some(document(row, 2)?)
            };
            Ok((
                get(row, 0)?,
                Found {
                    position: number(row, 1)?,
                    document,
                },
            ))
        });
        found.collect()
    }

    /// Puts changes in place and moves the checkpoint; a deletion is one for good, as the checkpoint passes it.
    pub(super) async fn commit(
        &self,
        session: &mut Session,
        from: u64,
        to: u64,
        changes: &[Change],
    ) -> Result<Written, StoreError> {
        self.write(session, &self.commit, (from, to), changes).await
    }

    /// Puts those changes in place that lie above what stands; a deletion leaves a tombstone.
    pub(super) async fn write_ahead(
        &self,
        session: &mut Session,
        changes: &[Change],
    ) -> Result<Written, StoreError> {
        self.write(session, &self.write_ahead, (0, 0), changes)
            .await
    }

    async fn write(
        &self,
        session: &mut Session,
        sql: &str,
        (from, to): (u64, u64),
        changes: &[Change],
    ) -> Result<Written, StoreError> {
        let mut statement = self
            .bind(query(sql))
            .bind(from.cast_signed())
            .bind(to.cast_signed())
            .bind(Array(changes.iter().map(|change| change.key.as_str())))
            .bind(Array(
                changes
                    .iter()
                    .map(|change| change.document.as_deref().map(Jsonb)),
            ))
            .bind(Array(
                changes.iter().map(|change| change.position.cast_signed()),
            ));
        for (at, kind) in self.kinds.iter().enumerate() {
            statement = bind_column(statement, changes, at, *kind);
        }
        let row = session.row("write documents", statement).await?;
        let held = row.map_or(Ok(0), |row| number(&row, 0))?;
        Ok(if held == 1 {
            Written::Done
        } else {
            Written::NotOurs
        })
    }

    fn bind<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement
            .bind(self.name)
            .bind(self.version)
            .bind(self.shadow)
            .bind(self.lease)
    }
}

fn bind_column<'q>(
    statement: Statement<'q>,
    changes: &'q [Change],
    at: usize,
    kind: ColumnKind,
) -> Statement<'q> {
    let values = changes
        .iter()
        .map(move |change| change.columns.get(at).unwrap_or(&ColumnValue::None));
    match kind {
        ColumnKind::Text => statement.bind(Array(values.map(|value| match value {
            ColumnValue::Text(text) => Some(text.as_str()),
            _ => None,
        }))),
        ColumnKind::Integer => statement.bind(Array(values.map(|value| match value {
            ColumnValue::Integer(number) => Some(*number),
            _ => None,
        }))),
        ColumnKind::Boolean => statement.bind(Array(values.map(|value| match value {
            ColumnValue::Boolean(yes) => Some(*yes),
            _ => None,
        }))),
        ColumnKind::Time => statement.bind(Array(values.map(|value| match value {
            ColumnValue::Time(time) => Some(Moment(*time)),
            _ => None,
        }))),
    }
}

fn sql_type(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "text",
        ColumnKind::Integer => "bigint",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Time => "timestamptz",
    }
}
