//! Lost connections, lost answers, restored backups.

use std::time::Duration;

use super::bench::{command, database, process};
use super::shelf::ShelfCommand::{Put, Take};
use crate::execute::{Answered, EngineStatus, Failure};
use crate::memory::store::{Fate, Operation};

#[tokio::test(start_paused = true)]
async fn an_append_that_never_reached_the_store_is_tried_again() {
    let database = database();
    let process = process(&database);
    let fails = Fate {
        fails: true,
        ..Fate::default()
    };
    process
        .script
        .0
        .lock()
        .unwrap()
        .extend([(Operation::Append, fails), (Operation::Append, fails)]);
    assert_eq!(
        process.ask("s", Put { pieces: 1 }).await.unwrap().position,
        1
    );
}

/// Pitfall 53: the look-up waits until the old connection's work is over, so a late commit is found, not repeated.
#[tokio::test(start_paused = true)]
async fn an_append_whose_answer_was_lost_is_looked_up_and_told_as_stored() {
    let database = database();
    let process = process(&database);
    process.ask("s", Put { pieces: 1 }).await.unwrap();
    let lost = Fate {
        answer_lost: Some(Duration::from_secs(3)),
        ..Fate::default()
    };
    process
        .script
        .0
        .lock()
        .unwrap()
        .push((Operation::Append, lost));
    let took = process.submit(command("s", Take { by: 1 }));
    let behind = process.submit(command("s", Take { by: 2 }));
    assert!(matches!(took.await.unwrap().outcome, Answered::Said(_)));
    assert!(matches!(
        behind.await.unwrap().outcome,
        Answered::Refused(_)
    ));
    assert_eq!(process.events().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn while_an_outcome_is_unknown_nothing_new_is_taken_and_callers_hear_unknown() {
    let database = database();
    let process = process(&database);
    let lost = Fate {
        answer_lost: Some(Duration::from_secs(60)),
        ..Fate::default()
    };
    process
        .script
        .0
        .lock()
        .unwrap()
        .push((Operation::Append, lost));
    let first = command("s", Put { pieces: 1 });
    let pending = process.submit(first.clone());
    let mut status = process.engine.status();
    status
        .wait_for(|status| *status == EngineStatus::Recovering)
        .await
        .unwrap();
    assert_eq!(
        process.ask("s", Put { pieces: 1 }).await,
        Err(Failure::Unavailable)
    );
    assert_eq!(pending.await, Err(Failure::OutcomeUnknown));
    status
        .wait_for(|status| *status == EngineStatus::Running)
        .await
        .unwrap();
    let mut again = first;
    again.deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    assert_eq!(
        process.submit(again).await.unwrap().position,
        1,
        "asked again, it hears the first answer"
    );
    assert_eq!(process.events().await.len(), 1);
}

/// Pitfall 54: version numbers may fit another history; event ids do not.
#[tokio::test(start_paused = true)]
async fn a_store_restored_underneath_is_refused_until_an_operator_has_looked() {
    let database = database();
    let (one, two) = (process(&database), process(&database));
    for _ in 0..5 {
        one.ask("s", Put { pieces: 1 }).await.unwrap();
    }
    // Process two was told of nothing after the restored position, so to it nothing is amiss.
    database.restore(2);
    for _ in 0..3 {
        two.ask("s", Put { pieces: 10 }).await.unwrap();
    }
    assert_eq!(
        one.ask("s", Take { by: 1 }).await,
        Err(Failure::OutcomeUnknown)
    );
    let refused = one.ask("s", Take { by: 2 }).await;
    let Err(Failure::Forked(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("jangbu repair fork"), "{why}");
    database.repair_fork();
    one.engine
        .status()
        .wait_for(|status| *status == EngineStatus::Running)
        .await
        .unwrap();
    assert_eq!(one.ask("s", Take { by: 3 }).await.unwrap().version, 6);
    assert_eq!(one.shelves().await["s"].left, 2 + 30 - 1);
}

/// Pitfall 54, as the simulation found it: the process slept through the restore and the operator's repair, and the
/// version it remembers is one that the other history reached by other events.
#[tokio::test(start_paused = true)]
async fn what_was_remembered_of_a_lost_history_is_forgotten() {
    let database = database();
    let (one, two) = (process(&database), process(&database));
    one.ask("s", Put { pieces: 1 }).await.unwrap();
    database.restore(0);
    database.repair_fork();
    two.ask("s", Put { pieces: 2 }).await.unwrap();
    one.ask("s", Take { by: 1 }).await.unwrap();
    let took = one.ask("s", Take { by: 2 }).await.unwrap();
    assert!(
        matches!(took.outcome, Answered::Said(_)),
        "decided on the lost history, of which one piece was left: {took:?}"
    );
}
