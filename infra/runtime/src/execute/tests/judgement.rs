//! What one process answers: facts, nothing, refusals, repeats, expected versions, limits.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::bench::{by_policy, command, database, process, process_with};
use super::shelf::ShelfCommand::{Bloat, GiveBack, Panic, Put, Take};
use crate::execute::{Answered, EngineOptions, Failure, RunToken};
use crate::memory::store::{Fate, Operation};
use crate::ports::EventStore;

#[tokio::test(start_paused = true)]
async fn a_thousand_takers_of_a_hundred_pieces_are_served_once_each_and_never_oversold() {
    let database = database();
    let process = process(&database);
    process.ask("s", Put { pieces: 100 }).await.unwrap();
    let pending: Vec<_> = (0..1_000)
        .map(|by| process.submit(command("s", Take { by })))
        .collect();
    let mut taken = 0;
    for pending in pending {
        match pending.await.unwrap().outcome {
            Answered::Said(_) => taken += 1,
            Answered::Refused(problem) => assert_eq!(problem.kind, "empty"),
            Answered::Nothing => panic!("nobody asked twice"),
        }
    }
    assert_eq!(taken, 100);
    assert_eq!(process.shelves().await["s"].left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_hears_the_first_answer_also_when_it_was_nothing_or_no() {
    let database = database();
    let process = process(&database);
    let submissions = [
        Take { by: 1 },
        Put { pieces: 1 },
        Take { by: 1 },
        Take { by: 1 },
    ]
    .map(|asked| command("s", asked));
    let mut first = Vec::new();
    for submission in &submissions {
        first.push(process.submit(submission.clone()).await.unwrap());
    }
    assert!(matches!(first[0].outcome, Answered::Refused(_)));
    assert!(matches!(first[3].outcome, Answered::Nothing));
    let stored = process.events().await.len();
    for (submission, first) in submissions.iter().zip(first) {
        assert_eq!(process.submit(submission.clone()).await.unwrap(), first);
    }
    assert_eq!(
        process.events().await.len(),
        stored,
        "a repeat stores nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_used_again_for_something_else_is_told_so() {
    let database = database();
    let process = process(&database);
    let first = command("s", Put { pieces: 1 });
    let mut other = command("s", Put { pieces: 2 });
    other.command_id = first.command_id;
    let (first, other) = (process.submit(first), process.submit(other));
    assert!(first.await.is_ok());
    assert_eq!(other.await, Err(Failure::CommandIdReused));
    assert_eq!(process.shelves().await["s"].left, 1);
}

#[tokio::test(start_paused = true)]
async fn repeats_that_are_still_here_join_the_first() {
    let database = database();
    let process = process(&database);
    let submission = command("s", Put { pieces: 1 });
    let pending: Vec<_> = (0..50)
        .map(|_| process.submit(submission.clone()))
        .collect();
    for pending in pending {
        assert_eq!(pending.await.unwrap().position, 1);
    }
    assert_eq!(process.events().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expected_version_is_judged_at_the_commands_place() {
    let database = database();
    let process = process(&database);
    let mut expecting = [0, 1, 5, 2].map(|expected| {
        let mut submission = command("s", Put { pieces: 1 });
        submission.expected_version = Some(expected);
        Some(process.submit(submission))
    });
    let mut heard = Vec::new();
    for pending in &mut expecting {
        heard.push(pending.take().unwrap().await.map(|answer| answer.version));
    }
    assert_eq!(
        heard,
        [
            Ok(1),
            Ok(2),
            Err(Failure::VersionMismatch { actual: 2 }),
            Ok(3)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_refused_leaves_no_fact_and_ends_its_run() {
    let database = database();
    let process = process(&database);
    let run = RunToken::of(process.store.source().incarnation);
    let refused = process
        .submit(by_policy(command("s", Take { by: 1 }), &run))
        .await;
    assert!(matches!(refused, Err(Failure::PolicyRefused(problem)) if problem.kind == "empty"));
    assert!(run.is_revoked());
    assert_eq!(
        process
            .submit(by_policy(command("s", Put { pieces: 1 }), &run))
            .await,
        Err(Failure::Revoked)
    );
    assert_eq!(process.events().await.len(), 0);
}

/// As the simulation found it (seed 167): a policy's command that was under way when history was restored and accepted
/// answers to an event that never happened.
#[tokio::test(start_paused = true)]
async fn what_a_run_of_another_history_asks_is_never_carried_out() {
    let database = database();
    let process = process(&database);
    let run = RunToken::of(Uuid::nil());
    let put = process
        .submit(by_policy(command("s", Put { pieces: 1 }), &run))
        .await;
    assert!(
        matches!(put, Err(Failure::Revoked | Failure::OutcomeUnknown)),
        "{put:?}"
    );
    assert!(run.is_revoked());
    assert_eq!(process.events().await.len(), 0);
}

/// Pitfall 58: a take-back that is stored as having changed nothing, before its take is tried again, would leave the
/// piece taken for ever.
#[tokio::test(start_paused = true)]
async fn what_follows_a_late_command_of_the_same_run_is_not_stored_before_it() {
    let database = database();
    let process = process(&database);
    process.ask("s", Put { pieces: 1 }).await.unwrap();
    // The aggregate is cold again in another process, and its load takes longer than the first command may wait.
    let other = super::bench::process(&database);
    let slow = Fate {
        delay: Duration::from_secs(5),
        ..Fate::default()
    };
    other.script.0.lock().unwrap().push((Operation::Load, slow));
    let run = RunToken::of(process.store.source().incarnation);
    let mut take = by_policy(command("s", Take { by: 1 }), &run);
    take.deadline = Instant::now() + Duration::from_secs(1);
    let give_back = by_policy(command("s", GiveBack { by: 1 }), &run);
    let (taken, given_back) = (other.submit(take.clone()), other.submit(give_back.clone()));
    assert_eq!(taken.await, Err(Failure::Late));
    assert_eq!(given_back.await, Err(Failure::Revoked));
    let again = run.next();
    take.deadline = give_back.deadline;
    for submission in [take, give_back] {
        let answer = other.submit(by_policy(submission, &again)).await.unwrap();
        assert!(matches!(answer.outcome, Answered::Said(_)), "{answer:?}");
    }
    assert_eq!(process.shelves().await["s"].left, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_decision_is_a_defect_of_that_command_only() {
    let database = database();
    let process = process(&database);
    let pending = [Put { pieces: 2 }, Take { by: 1 }, Panic {}, Take { by: 2 }]
        .map(|asked| process.submit(command("s", asked)));
    let [put, first, fell, second] = pending;
    assert!(put.await.is_ok() && first.await.is_ok());
    assert!(matches!(fell.await, Err(Failure::Defect(_))));
    assert!(second.await.is_ok());
    assert_eq!(process.shelves().await["s"].left, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_very_many_events_is_stored_whole() {
    let database = database();
    let process = process(&database);
    let answer = process.ask("s", Bloat { bytes: 1 }).await.unwrap();
    assert_eq!(answer.position, 60_001);
}

#[tokio::test(start_paused = true)]
async fn a_full_engine_refuses_instead_of_queueing_and_one_aggregate_fills_half() {
    let database = database();
    let options = EngineOptions {
        workers: 1,
        waiting: 10,
        ..EngineOptions::default()
    };
    let process = process_with(&database, options);
    let slow = Fate {
        delay: Duration::from_secs(1),
        ..Fate::default()
    };
    process
        .script
        .0
        .lock()
        .unwrap()
        .push((Operation::Load, slow));
    let hot: Vec<_> = (0..8)
        .map(|_| process.submit(command("s", Put { pieces: 1 })))
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let others: Vec<_> = (0..8)
        .map(|n| process.submit(command(&format!("other{n}"), Put { pieces: 1 })))
        .collect();
    let mut refused = (0, 0);
    for pending in hot {
        refused.0 += usize::from(pending.await == Err(Failure::Overloaded));
    }
    for pending in others {
        refused.1 += usize::from(pending.await == Err(Failure::Overloaded));
    }
    assert_eq!(
        refused,
        (3, 3),
        "five of eight for the hot one, then five of eight for the others"
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_says_not_done_before_the_hand_over_and_unknown_after() {
    let database = database();
    let process = process(&database);
    let slow = Fate {
        delay: Duration::from_secs(60),
        ..Fate::default()
    };
    process
        .script
        .0
        .lock()
        .unwrap()
        .extend([(Operation::Load, slow), (Operation::Append, slow)]);
    assert_eq!(
        process.ask("s", Put { pieces: 1 }).await,
        Err(Failure::Late)
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        process.ask("s", Put { pieces: 1 }).await,
        Err(Failure::OutcomeUnknown)
    );
}

#[tokio::test(start_paused = true)]
async fn snapshots_shorten_loads_and_one_of_another_shape_is_dropped() {
    let database = database();
    let first = process(&database);
    for _ in 0..25 {
        first.ask("s", Put { pieces: 1 }).await.unwrap();
    }
    first.cancel.cancel();
    first.running.await.unwrap();
    let second = process(&database);
    second.ask("s", Take { by: 1 }).await.unwrap();
    assert_eq!(second.shelves().await["s"].left, 24);
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_what_is_under_way_and_takes_nothing_new() {
    let database = database();
    let process = process(&database);
    let pending: Vec<_> = (0..100)
        .map(|n| process.submit(command(&format!("s{n}"), Put { pieces: 1 })))
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    process.cancel.cancel();
    for pending in pending {
        assert!(pending.await.is_ok());
    }
    assert_eq!(
        process.ask("s", Put { pieces: 1 }).await,
        Err(Failure::ShuttingDown)
    );
    process.running.await.unwrap();
}
