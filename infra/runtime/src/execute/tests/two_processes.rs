//! Two processes on one store: stale caches never answer, and both live.

use std::collections::BTreeSet;

use super::bench::{command, database, process};
use super::shelf::ShelfCommand::{Put, Take};
use crate::execute::Answered;

/// Pitfall 35.
#[tokio::test(start_paused = true)]
async fn nothing_to_do_and_no_are_never_answered_from_a_stale_cache() {
    let database = database();
    let (one, two) = (process(&database), process(&database));
    one.ask("s", Put { pieces: 1 }).await.unwrap();
    // Both have it in memory now; process two believes there is one piece, then none.
    two.ask("s", Take { by: 1 }).await.unwrap();
    let refused = two.ask("s", Take { by: 2 }).await.unwrap();
    assert!(matches!(refused.outcome, Answered::Refused(_)));
    one.ask("s", Put { pieces: 1 }).await.unwrap();
    let taken = two.ask("s", Take { by: 2 }).await.unwrap();
    assert!(
        matches!(taken.outcome, Answered::Said(_)),
        "two refused from its stale state: {taken:?}"
    );
    let nothing = one.ask("s", Take { by: 2 }).await.unwrap();
    assert!(
        matches!(nothing.outcome, Answered::Nothing),
        "one did not see what two stored: {nothing:?}"
    );
}

/// Pitfall 38.
#[tokio::test(start_paused = true)]
async fn both_processes_live_on_one_hot_aggregate() {
    let database = database();
    let processes = [process(&database), process(&database)];
    processes[0].ask("s", Put { pieces: 400 }).await.unwrap();
    let mut pending = Vec::new();
    for by in 0..600 {
        for (n, process) in (0..).zip(&processes) {
            pending.push((n, process.submit(command("s", Take { by: by * 2 + n }))));
        }
        tokio::task::yield_now().await;
    }
    let mut served = BTreeSet::new();
    let mut takers = 0;
    for (n, pending) in pending {
        if matches!(pending.await.unwrap().outcome, Answered::Said(_)) {
            served.insert(n);
            takers += 1;
        }
    }
    assert_eq!(takers, 400);
    assert_eq!(served.len(), 2, "one process was starved");
    assert_eq!(processes[0].shelves().await["s"].left, 0);
}

#[tokio::test(start_paused = true)]
async fn one_id_sent_to_both_processes_is_carried_out_once() {
    let database = database();
    let processes = [process(&database), process(&database)];
    for _ in 0..50 {
        let submission = command("s", Put { pieces: 1 });
        let [a, b] = processes
            .each_ref()
            .map(|process| process.submit(submission.clone()));
        assert_eq!(a.await.unwrap(), b.await.unwrap());
    }
    assert_eq!(processes[0].shelves().await["s"].left, 50);
}
