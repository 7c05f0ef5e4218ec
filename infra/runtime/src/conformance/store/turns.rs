//! Rules of turns at contended aggregates.

use std::time::Duration;

use super::Opened;
use super::given::stock;

/// Long enough that only a lock that is never given back outlasts it.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

pub(super) async fn a_turn_excludes_the_other_process(opened: Opened) {
    let held = opened
        .one
        .turn(&stock("a"), PATIENCE)
        .await
        .expect("an answer")
        .expect("it is free");
    let refused = opened
        .other
        .turn(&stock("a"), SHORT)
        .await
        .expect("an answer");
    assert!(
        refused.is_none(),
        "it is taken, and does not come within the time"
    );
    assert!(
        opened
            .one
            .turn(&stock("a"), SHORT)
            .await
            .expect("an answer")
            .is_none(),
        "in its own process, too"
    );
    let waiting = stock("a");
    let (theirs, ()) = futures::join!(opened.other.turn(&waiting, PATIENCE), held.end());
    let theirs = theirs.expect("an answer").expect("it was given back");
    assert!(
        opened
            .one
            .turn(&stock("a"), SHORT)
            .await
            .expect("an answer")
            .is_none()
    );
    theirs.end().await;
}

pub(super) async fn a_turn_that_is_dropped_is_over(opened: Opened) {
    let held = opened
        .one
        .turn(&stock("a"), PATIENCE)
        .await
        .expect("an answer")
        .expect("it is free");
    drop(held);
    assert!(
        opened
            .other
            .turn(&stock("a"), PATIENCE)
            .await
            .expect("an answer")
            .is_some()
    );
}

pub(super) async fn turns_at_different_aggregates_do_not_wait(opened: Opened) {
    let a = opened
        .one
        .turn(&stock("a"), PATIENCE)
        .await
        .expect("an answer")
        .expect("it is free");
    let b = opened
        .other
        .turn(&stock("b"), PATIENCE)
        .await
        .expect("an answer")
        .expect("it is free");
    let c = opened
        .one
        .turn(&stock("c"), PATIENCE)
        .await
        .expect("an answer")
        .expect("it is free");
    futures::join!(a.end(), b.end(), c.end());
}
