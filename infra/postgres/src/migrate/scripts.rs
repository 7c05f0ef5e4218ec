//! The SQL files, and how names and shared parts get into them.

use jangbu_runtime::ports::StoreError;
use sqlx::{Executor, PgConnection};

use super::{APPEND_LOCK, MIGRATE_LOCK, MigrateOptions, failed, lock_class};

/// What migrates: schema changes with a number, each applied once.
pub(super) const MIGRATIONS: [(i32, &str); 7] = [
    (1, include_str!("../../migrations/0001_ledger.sql")),
    (2, include_str!("../../migrations/0002_keys.sql")),
    (3, include_str!("../../migrations/0003_snapshots.sql")),
    (4, include_str!("../../migrations/0004_relay.sql")),
    (5, include_str!("../../migrations/0005_progress.sql")),
    (6, include_str!("../../migrations/0006_views.sql")),
    (7, include_str!("../../migrations/0007_lean_appends.sql")),
];
/// What is written anew each time.
pub(super) const FUNCTIONS: [&str; 6] = [
    include_str!("../../migrations/functions/merkle_root.sql"),
    include_str!("../../migrations/functions/append.sql"),
    include_str!("../../migrations/functions/append_checked.sql"),
    include_str!("../../migrations/functions/snapshot.sql"),
    include_str!("../../migrations/functions/views.sql"),
    include_str!("../../migrations/grants.sql"),
];

/// What several of them share. Part of their text: a function that calls functions pays for each, in every transaction.
const PARTS: [(&str, &str); 2] = [
    (
        "{may_append}",
        include_str!("../../migrations/functions/parts/may_append.sql"),
    ),
    (
        "{seal}",
        include_str!("../../migrations/functions/parts/seal.sql"),
    ),
];

/// Runs a file of SQL with the names put in.
pub(super) async fn run(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    sql: &str,
) -> Result<(), StoreError> {
    let mut sql = sql.to_owned();
    for (name, part) in PARTS {
        sql = sql.replace(name, part);
    }
    let sql = sql
        .replace("{schema}", &options.schema)
        .replace("{app_role}", &options.app_role)
        .replace("{lock_class}", &lock_class(&options.schema).to_string())
        .replace("{append_lock}", &APPEND_LOCK.to_string())
        .replace("{migrate_lock}", &MIGRATE_LOCK.to_string());
    connection
        .execute(sql.as_str())
        .await
        .map(|_| ())
        .map_err(|error| {
            let subject = sql
                .lines()
                .next()
                .unwrap_or_default()
                .trim_start_matches("-- ")
                .to_owned();
            failed(&subject, error)
        })
}
