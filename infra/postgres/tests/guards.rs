//! What the database itself guards: rights, isolation, durability, shadowed names, clocks.

mod support;

#[path = "support/sql.rs"]
mod sql;

#[path = "support/entries.rs"]
mod entries;

use jangbu_postgres::{MigrateError, MigrateOptions, Options, Postgres, migrate};
use jangbu_runtime::ports::{AppendError, EventStore, StoreError};
use sqlx::{Connection, PgConnection, Row};

use entries::{says, store};
use sql::run;
use support::fresh_place;

#[tokio::test]
async fn the_application_may_append_but_write_nothing_by_hand() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    store(&mut handle.appender().await.unwrap(), &[says("a", 0)]).await;
    for forbidden in [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "INSERT INTO events SELECT * FROM events",
        "TRUNCATE events",
        "UPDATE blocks SET root = chain",
        "DELETE FROM blocks",
        "UPDATE store SET name = 'mine'",
        "INSERT INTO incarnations SELECT number + 1, gen_random_uuid(), now(), 0 FROM incarnations",
        "DELETE FROM snapshots",
        "DELETE FROM contended",
        "DROP TABLE events",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "CREATE TABLE blocks2 (a int)",
    ] {
        let refused = run(&place.url, forbidden).await;
        let code = refused
            .expect_err(forbidden)
            .as_database_error()
            .and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(
            code.as_deref(),
            Some("42501"),
            "{forbidden}: insufficient_privilege"
        );
    }
}

#[tokio::test]
async fn another_isolation_than_read_committed_is_refused_in_words() {
    let place = fresh_place(&[]).await;
    let database = place.owner_url.rsplit('/').next().unwrap();
    run(
        &place.owner_url,
        &format!("ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'"),
    )
    .await
    .unwrap();
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    let Err(AppendError::NotDone(error @ StoreError::Refused { .. })) =
        appender.append(&[says("a", 0)]).await
    else {
        panic!("refused, and said to be not done");
    };
    assert!(
        error
            .to_string()
            .contains("READ COMMITTED, not REPEATABLE READ"),
        "{error}"
    );
    assert_eq!(handle.head().await.unwrap().position, 0);
}

#[tokio::test]
async fn an_append_waits_for_the_disk_though_the_server_would_not() {
    let place = fresh_place(&[]).await;
    let mut connection = PgConnection::connect(&place.url).await.unwrap();
    let append = "SELECT * FROM append(now(), '\\x00', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
        '{}', '{}', '{}', '{}', '{}')";
    for (set, after) in [("off", "on"), ("remote_apply", "remote_apply")] {
        let mut transaction = connection.begin().await.unwrap();
        sqlx::query(&format!("SET synchronous_commit = {set}"))
            .execute(&mut *transaction)
            .await
            .unwrap();
        sqlx::query(append)
            .fetch_all(&mut *transaction)
            .await
            .unwrap();
        let row = sqlx::query("SHOW synchronous_commit")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        assert_eq!(row.get::<String, _>(0), after, "when it commits");
        transaction.rollback().await.unwrap();
    }
}

/// A SECURITY DEFINER function that looked into pg_temp first would chain onto a table of the caller's.
#[tokio::test]
async fn a_temporary_table_cannot_stand_in_for_the_ledger() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    store(&mut appender, &[says("a", 0)]).await;
    let mut connection = PgConnection::connect(&place.url).await.unwrap();
    for shadow in [
        "CREATE TEMP TABLE blocks (LIKE public.blocks)",
        "CREATE TEMP TABLE events (LIKE public.events)",
    ] {
        sqlx::query(shadow).execute(&mut connection).await.unwrap();
    }
    let row = sqlx::query(
        "SELECT first_position FROM public.append(now(), sha256('\\x00'), '{stock}', '{b}', '{1}', '{Received}', '{1}',
            ARRAY['{}'::json], ARRAY['{}'::json], ARRAY[gen_random_uuid()], ARRAY[gen_random_uuid()], '{0}',
            ARRAY[sha256('\\x00')], '{}', '{}', '{}', '{}', '{}')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(row.get::<i64, _>(0), 2, "it follows the real ledger");
    assert_eq!(handle.head().await.unwrap().position, 2);
}

#[tokio::test]
async fn a_clock_that_leapt_is_refused() {
    let place = fresh_place(&[]).await;
    for (clock, fits) in [
        ("now()", true),
        ("now() + interval '2 minutes'", false),
        ("now() - interval '2 minutes'", false),
    ] {
        let append = format!(
            "SELECT append({clock}, '\\x00', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}',
            '{{}}', '{{}}', '{{}}', '{{}}', '{{}}')"
        );
        let done = run(&place.url, &append).await;
        assert_eq!(done.is_ok(), fits, "{clock}: {done:?}");
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_another_name_is_refused() {
    let place = fresh_place(&[]).await;
    let again = migrate(&place.owner_url, &MigrateOptions::default())
        .await
        .unwrap();
    assert_eq!((again.applied, again.adopted), (0, 0));
    assert_eq!(again.source, place.open().await.source());
    let other = MigrateOptions {
        store: "bazaar".to_owned(),
        ..MigrateOptions::default()
    };
    assert!(matches!(
        migrate(&place.owner_url, &other).await,
        Err(MigrateError::OtherStore { .. })
    ));
    let asked = Options {
        store: Some("bazaar".to_owned()),
        ..Options::default()
    };
    assert!(matches!(
        Postgres::connect(&place.url, asked).await,
        Err(StoreError::Refused { .. })
    ));
}

#[tokio::test]
async fn two_stores_in_two_schemas_do_not_know_of_each_other() {
    let place = fresh_place(&[]).await;
    let options = MigrateOptions {
        schema: "annex".to_owned(),
        store: "annex".to_owned(),
        ..MigrateOptions::default()
    };
    migrate(&place.owner_url, &options).await.unwrap();
    let annex = Options {
        schema: "annex".to_owned(),
        ..Options::default()
    };
    let (mall, annex) = (
        place.open().await,
        Postgres::connect(&place.url, annex).await.unwrap(),
    );
    store(&mut annex.appender().await.unwrap(), &[says("a", 0)]).await;
    assert_eq!(
        (
            mall.head().await.unwrap().position,
            annex.head().await.unwrap().position
        ),
        (0, 1)
    );
    assert_ne!(mall.source(), annex.source());
}

#[tokio::test]
async fn a_database_without_a_store_says_what_to_do() {
    let url = jangbu_postgres::testing::fresh_database(&support::admin_url().await).await;
    let Err(error) = Postgres::connect(&url, Options::default()).await else {
        panic!("there is no store")
    };
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("jangbu migrate"), "{error}");
}
