//! Histories that change under a running process: a restored backup, a lost answer, a tampered ledger.

mod support;

#[path = "support/sql.rs"]
mod sql;

#[path = "support/entries.rs"]
mod entries;

use std::time::Duration;

use jangbu_postgres::{repair_fork, verify};
use jangbu_runtime::hash;
use jangbu_runtime::ports::{AppendError, EventStore, FastOutcome, RelayLedger, StoreError};
use sqlx::{Connection, PgConnection, Row};

use entries::{says, store};
use sql::run;
use support::fresh_place;

/// Ends all sessions but our own, as a restart of the server does.
const RESTART: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

fn restore(position: u64) -> String {
    format!(
        "DELETE FROM events WHERE position > {position}; DELETE FROM blocks WHERE last_position > {position}; {RESTART}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_is_seen_by_every_connection_before_it_is_believed() {
    let place = fresh_place(&[]).await;
    let (handle, other) = (place.open().await, place.open().await);
    let mut appender = handle.appender().await.unwrap();
    for version in 0..3 {
        store(&mut appender, &[says("a", version)]).await;
    }
    // Another history grows past the place where the old one was cut: comparing numbers would see nothing.
    run(&place.owner_url, &restore(2)).await.unwrap();
    let mut others = other.appender().await.unwrap();
    for version in 2..5 {
        store(&mut others, &[says("a", version)]).await;
    }

    let outcome = appender.append(&[says("a", 3)]).await;
    // Its own connection broke, unless another one was made anew before it and saw the fork already.
    assert!(
        matches!(
            outcome,
            Err(AppendError::Unknown(_) | AppendError::Fatal(StoreError::Forked { .. }))
        ),
        "{outcome:?}"
    );
    let recovered = appender.recover().await;
    assert!(
        matches!(recovered, Err(StoreError::Forked { position: 3, .. })),
        "{recovered:?}"
    );
    assert!(matches!(
        handle.head().await,
        Err(StoreError::Forked { position: 3, .. })
    ));
    assert!(matches!(
        handle.lead().await,
        Err(StoreError::Forked { .. })
    ));
    assert!(matches!(
        handle.appender().await,
        Err(StoreError::Forked { .. })
    ));
    let text = recovered.unwrap_err().to_string();
    assert!(text.contains("jangbu repair fork"), "{text}");

    let before = handle.source();
    let accepted = repair_fork(&place.owner_url).await.unwrap();
    assert_ne!(accepted.incarnation, before.incarnation);
    appender.recover().await.unwrap();
    assert_eq!(
        handle.source(),
        accepted,
        "it begins anew with the new incarnation"
    );
    assert_eq!(handle.head().await.unwrap().position, 5);
    store(&mut appender, &[says("a", 5)]).await;
    let mut leader = handle.lead().await.unwrap().expect("nobody leads");
    assert_eq!(
        leader.incarnations().await.unwrap(),
        [before.incarnation, accepted.incarnation]
    );
}

/// Loads run on other sessions than the append; theirs are as stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_alone_sees_the_restore_too() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    store(
        &mut handle.appender().await.unwrap(),
        &[says("a", 0), says("b", 0)],
    )
    .await;
    assert_eq!(handle.read(0, 10).await.unwrap().len(), 2);
    run(&place.owner_url, &restore(1)).await.unwrap();
    // The first sessions may have to be found broken before a new one is opened.
    let forked = async {
        loop {
            match handle.read(0, 10).await {
                Ok(events) => panic!("believed: {events:?}"),
                Err(StoreError::Forked { position, .. }) => return position,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let position = tokio::time::timeout(Duration::from_secs(20), forked)
        .await
        .expect("it is seen");
    assert_eq!(position, 2);
}

/// The old backend commits after the connection to it was lost: looking the command up too early would say "not done".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_append_is_looked_up_when_its_backend_is_gone() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    store(&mut appender, &[says("a", 0)]).await;

    // Somebody holds the append lock, so the append hangs until the deadline of the client.
    let mut holder = PgConnection::connect(&place.owner_url).await.unwrap();
    let mut holding = holder.begin().await.unwrap();
    let append = "SELECT append(now(), '\\x00', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')";
    sqlx::query(append).execute(&mut *holding).await.unwrap();

    let entry = says("a", 1);
    let outcome = appender.append(std::slice::from_ref(&entry)).await;
    assert!(
        matches!(outcome, Err(AppendError::Unknown(_))),
        "{outcome:?}"
    );
    let early = appender.append(&[says("b", 0)]).await;
    assert!(
        matches!(early, Err(AppendError::Unknown(_))),
        "nothing new before the old is known: {early:?}"
    );
    appender.recover().await.unwrap();
    assert_eq!(
        appender.look_up(&[entry.command_id]).await.unwrap(),
        [],
        "its backend was ended before it had the lock"
    );
    holding.rollback().await.unwrap();
    // Had the old backend lived on, it would store the entry now; so it is stored by us, and only once.
    assert!(matches!(
        appender.append(std::slice::from_ref(&entry)).await.unwrap(),
        FastOutcome::Appended(_)
    ));
    assert_eq!(handle.read(0, 10).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_was_lost_is_found() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    let entry = says("a", 0);
    store(&mut appender, std::slice::from_ref(&entry)).await;
    run(&place.owner_url, RESTART).await.unwrap();
    let outcome = appender.append(&[says("b", 0)]).await;
    assert!(
        matches!(outcome, Err(AppendError::Unknown(_))),
        "{outcome:?}"
    );
    appender.recover().await.unwrap();
    let facts = appender.look_up(&[entry.command_id]).await.unwrap();
    assert_eq!(facts.len(), 1);
    assert_eq!(facts[0].event_id, entry.events[0].event_id);
}

/// A position twice is no lost race: nobody may decide again and go on.
#[tokio::test]
async fn a_position_that_is_taken_is_fatal() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    store(&mut appender, &[says("a", 0), says("b", 0)]).await;
    run(
        &place.owner_url,
        "UPDATE events SET position = 3 WHERE position = 2",
    )
    .await
    .unwrap();
    let outcome = appender.append(&[says("c", 0)]).await;
    assert!(matches!(outcome, Err(AppendError::Fatal(_))), "{outcome:?}");
    let judged = appender.append_checked(&[says("c", 0)]).await;
    assert!(matches!(judged, Err(AppendError::Fatal(_))), "{judged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_tampering_is_found_where_it_is() {
    for (tampering, position) in [
        (
            "UPDATE events SET payload = '{\"quantity\":2}' WHERE position = 4",
            4,
        ),
        ("UPDATE events SET metadata = '{ }' WHERE position = 3", 3),
        (
            "UPDATE events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 2",
            2,
        ),
        (
            "UPDATE events SET leaf = sha256(leaf), payload = '{\"quantity\":2}' WHERE position = 5",
            5,
        ),
        ("DELETE FROM events WHERE position = 6", 6),
        ("DELETE FROM blocks WHERE last_position = 3", 1),
        (
            "DELETE FROM events WHERE position > 6; DELETE FROM blocks WHERE last_position > 6;
          UPDATE blocks SET root = sha256(root) WHERE last_position = 6",
            4,
        ),
        ("DELETE FROM blocks WHERE last_position = 9", 7),
    ] {
        let place = fresh_place(&[]).await;
        let handle = place.open().await;
        let mut appender = handle.appender().await.unwrap();
        for block in 0..3 {
            store(&mut appender, &["a", "b", "c"].map(|id| says(id, block))).await;
        }
        let report = verify(&handle, |_, _| ()).await.unwrap();
        assert!(report.is_sound(), "{report}");
        assert_eq!((report.events, report.blocks), (9, 3));
        run(&place.owner_url, tampering).await.unwrap();
        let report = verify(&place.open().await, |_, _| ()).await.unwrap();
        assert_eq!(
            report.fault.as_ref().map(|fault| fault.position),
            Some(position),
            "{tampering}: {report}"
        );
        handle.close().await;
    }
}

/// Checked mode computes the root in the database; it must be the one everybody computes.
#[tokio::test]
async fn both_ways_of_appending_write_the_same_hashes() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let mut appender = handle.appender().await.unwrap();
    let mut connection = PgConnection::connect(&place.url).await.unwrap();
    for size in (1..=17).chain([64, 100]) {
        let batch: Vec<_> = (0..size)
            .map(|at| says(&format!("{size}-{at}"), 0))
            .collect();
        appender.append_checked(&batch).await.unwrap();
        let leaves: Vec<_> = batch.iter().map(|entry| entry.events[0].leaf).collect();
        let row = sqlx::query("SELECT root FROM blocks ORDER BY last_position DESC LIMIT 1")
            .fetch_one(&mut connection);
        assert_eq!(
            row.await.unwrap().get::<Vec<u8>, _>(0),
            hash::root(&leaves),
            "{size} leaves"
        );
    }
    store(&mut appender, &[says("fast", 0), says("fast", 1)]).await;
    let report = verify(&handle, |_, _| ()).await.unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.blocks, 20);
}
