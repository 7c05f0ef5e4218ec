//! Aggregates that are taken to be new without a look: never wrong, and no query where the guess holds.

use super::bench::{Process, command, database, process, process_with};
use super::shelf::ShelfCommand::{Panic, Put, Take};
use crate::execute::{Answered, EngineOptions, Failure};
use crate::memory::store::MemoryDatabase;

const AFTER: u32 = 3;

/// A process that has seen as many new shelves as it takes.
async fn assuming(database: &MemoryDatabase) -> Process {
    let options = EngineOptions {
        workers: 1,
        assume_new_after: AFTER,
        ..EngineOptions::default()
    };
    let process = process_with(database, options);
    for n in 0..AFTER {
        process
            .ask(&format!("new{n}"), Put { pieces: 1 })
            .await
            .unwrap();
    }
    assert_eq!(process.loads(), AFTER as usize);
    process
}

#[tokio::test(start_paused = true)]
async fn a_command_that_begins_its_aggregates_soon_needs_no_load() {
    let database = database();
    let process = assuming(&database).await;
    for n in 0..10 {
        let first = process.submit(command(&format!("s{n}"), Put { pieces: 1 }));
        let second = process.submit(command(&format!("s{n}"), Take { by: 1 }));
        assert_eq!(first.await.unwrap().version, 1);
        assert_eq!(second.await.unwrap().version, 2);
    }
    assert_eq!(process.loads(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_after_all_is_decided_on_what_is_stored_and_ends_the_guessing() {
    let database = database();
    let other = process(&database);
    other.ask("s", Put { pieces: 1 }).await.unwrap();
    other.ask("s", Take { by: 1 }).await.unwrap();
    let process = assuming(&database).await;
    let first = process.submit(command("s", Put { pieces: 1 }));
    let second = process.submit(command("s", Take { by: 1 }));
    assert_eq!(first.await.unwrap().version, 3);
    assert_eq!(second.await.unwrap().outcome, Answered::Nothing);
    assert_eq!(process.loads(), 1);
    process.ask("new", Put { pieces: 1 }).await.unwrap();
    assert_eq!(process.loads(), 1, "it guessed again at once");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_carried_out_is_answered_as_before() {
    let database = database();
    let other = process(&database);
    let submission = command("s", Put { pieces: 1 });
    let before = other.submit(submission.clone()).await.unwrap();
    let process = assuming(&database).await;
    assert_eq!(process.submit(submission).await.unwrap(), before);
    assert_eq!(process.shelves().await["s"].left, 1);
}

#[tokio::test(start_paused = true)]
async fn what_only_a_blank_one_would_say_is_never_told() {
    let database = database();
    let other = process(&database);
    other.ask("s", Put { pieces: 2 }).await.unwrap();
    let process = assuming(&database).await;
    // Shelves that are not there, so that these commands, too, have found many blank.
    for n in 0..AFTER {
        let refused = process.ask(&format!("none{n}"), Take { by: 1 }).await;
        assert!(matches!(refused.unwrap().outcome, Answered::Refused(_)));
        let failed = process.ask(&format!("broken{n}"), Panic {}).await;
        assert!(matches!(failed, Err(Failure::Defect(_))));
    }
    let taken = process.ask("s", Take { by: 1 }).await.unwrap();
    assert!(matches!(taken.outcome, Answered::Said(_)), "{taken:?}");
    assert_eq!(taken.version, 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_names_a_version_is_judged_by_what_is_stored() {
    let database = database();
    let other = process(&database);
    other.ask("s", Put { pieces: 1 }).await.unwrap();
    let process = assuming(&database).await;
    let mut submission = command("s", Put { pieces: 1 });
    submission.expected_version = Some(1);
    assert_eq!(process.submit(submission).await.unwrap().version, 2);
}
