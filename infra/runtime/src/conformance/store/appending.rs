//! Rules of the fast append.

use uuid::Uuid;

use super::Opened;
use super::given::{
    again, appender, assert_stored, changes_nothing, check, everything, expecting, is_refused,
    knowing, says, stock, store,
};
use crate::ports::Appender;

pub(super) async fn positions_are_dense_whoever_appends(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    async fn append_some(appender: &mut Box<dyn Appender>, who: &str) -> Vec<(u64, Uuid)> {
        let mut placed = Vec::new();
        for round in 0..25 {
            let batch: Vec<_> = (0..=round % 4)
                .map(|at| says(&stock(&format!("{who}-{round}-{at}")), 0, 1))
                .collect();
            let appended = store(appender, &batch).await;
            placed
                .extend((appended.first..).zip(batch.iter().map(|entry| entry.events[0].event_id)));
        }
        placed
    }
    let (mut placed, others) = futures::join!(
        append_some(&mut one, "one"),
        append_some(&mut other, "other")
    );
    placed.extend(others);
    placed.sort_unstable();
    let stored = everything(&*opened.one).await;
    let positions: Vec<_> = stored
        .iter()
        .map(|event| (event.position, event.event_id))
        .collect();
    assert_eq!(positions, placed, "what was told is what stands");
    assert!(
        positions
            .iter()
            .zip(1..)
            .all(|((position, _), expected)| *position == expected),
        "1, 2, 3 …"
    );
    assert!(
        stored.is_sorted_by_key(|event| event.recorded_at),
        "time never goes back"
    );
}

pub(super) async fn a_batch_is_stored_in_order(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 3),
        changes_nothing(&stock("b"), 0),
        says(&stock("c"), 0, 1),
    ];
    let appended = store(&mut one, &batch).await;
    assert_eq!(appended.first, 1);
    let stored = everything(&*opened.other).await;
    assert!(
        stored
            .iter()
            .all(|event| event.recorded_at == appended.recorded_at),
        "a block has one time"
    );
    assert_stored(&batch[0], &stored[..3]);
    assert_stored(&batch[1], &stored[3..4]);
    assert_stored(&batch[2], &stored[4..]);
}

pub(super) async fn a_later_entry_builds_on_an_earlier_one(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 2),
        changes_nothing(&stock("a"), 2),
        says(&stock("a"), 2, 1),
        check(&stock("a"), 3),
    ];
    store(&mut one, &batch).await;
    assert_eq!(everything(&*opened.one).await.len(), 4);
    assert!(
        is_refused(
            &mut one,
            &[says(&stock("a"), 3, 1), says(&stock("a"), 3, 1)]
        )
        .await
    );
}

pub(super) async fn a_failed_batch_stores_nothing(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    store(&mut one, &[says(&stock("a"), 0, 1)]).await;
    assert!(
        is_refused(
            &mut other,
            &[says(&stock("b"), 0, 1), says(&stock("a"), 0, 1)]
        )
        .await
    );
    assert!(
        is_refused(
            &mut other,
            &[
                says(&stock("b"), 0, 1),
                expecting(says(&stock("a"), 1, 1), 0)
            ]
        )
        .await
    );
    assert_eq!(everything(&*opened.one).await.len(), 1);
    let appended = store(&mut other, &[says(&stock("b"), 0, 1)]).await;
    assert_eq!(appended.first, 2, "a failure leaves no hole");
}

pub(super) async fn a_gap_is_refused(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    assert!(
        is_refused(&mut one, &[says(&stock("a"), 3, 1)]).await,
        "nothing stands at 3"
    );
    let mut misnumbered = says(&stock("a"), 0, 2);
    misnumbered.events.remove(0);
    assert!(
        is_refused(&mut one, &[misnumbered]).await,
        "it does not follow its own version"
    );
    store(&mut one, &[says(&stock("a"), 0, 1)]).await;
    assert!(
        is_refused(&mut one, &[says(&stock("a"), 2, 1)]).await,
        "2 was never stored"
    );
}

pub(super) async fn a_command_is_carried_out_once(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    let first = says(&stock("a"), 0, 1);
    store(&mut one, std::slice::from_ref(&first)).await;
    assert!(is_refused(&mut other, &[again(&first, &stock("b"), 0)]).await);
    let second = says(&stock("c"), 0, 1);
    let repeat = again(&second, &stock("d"), 0);
    assert!(
        is_refused(&mut other, &[second, repeat]).await,
        "nor twice in one batch"
    );
    let third = says(&stock("e"), 0, 1);
    let mut repeat = check(&stock("f"), 0);
    repeat.command_id = third.command_id;
    assert!(
        is_refused(&mut other, &[third, repeat]).await,
        "nor checked as unknown behind itself"
    );
    assert_eq!(everything(&*opened.one).await.len(), 1);
}

pub(super) async fn a_check_that_holds_is_confirmed_and_stores_nothing(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let appended = store(&mut one, &[check(&stock("a"), 0)]).await;
    assert_eq!(appended.first, 1, "head + 1");
    store(&mut one, &[says(&stock("a"), 0, 2)]).await;
    let appended = store(
        &mut one,
        &[check(&stock("a"), 2), knowing(check(&stock("a"), 2))],
    )
    .await;
    assert_eq!(appended.first, 3);
    assert_eq!(everything(&*opened.one).await.len(), 2);
}

pub(super) async fn a_check_that_does_not_hold_fails(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let first = says(&stock("a"), 0, 2);
    store(&mut one, std::slice::from_ref(&first)).await;
    for version in [0, 1, 3] {
        assert!(
            is_refused(&mut one, &[check(&stock("a"), version)]).await,
            "it stands at 2, not at {version}"
        );
        assert!(is_refused(&mut one, &[changes_nothing(&stock("a"), version)]).await);
    }
    let mut known = check(&stock("a"), 2);
    known.command_id = first.command_id;
    assert!(is_refused(&mut one, &[known]).await, "its id is known");
}

/// A process that holds the acknowledgement of a version knows that it was stored, not that it is the newest.
pub(super) async fn an_acknowledged_version_may_have_moved_on(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    store(&mut one, &[says(&stock("a"), 0, 1)]).await;
    store(&mut other, &[says(&stock("a"), 1, 1)]).await;
    for stale in [
        check(&stock("a"), 1),
        changes_nothing(&stock("a"), 1),
        says(&stock("a"), 1, 1),
    ] {
        assert!(is_refused(&mut one, &[knowing(stale)]).await);
    }
    store(&mut one, &[knowing(says(&stock("a"), 2, 1))]).await;
}

pub(super) async fn commands_are_looked_up_by_id(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 3),
        says(&stock("b"), 0, 1),
        changes_nothing(&stock("c"), 0),
    ];
    store(&mut one, &batch).await;
    let facts = one
        .look_up(&[batch[0].command_id, Uuid::now_v7(), batch[2].command_id])
        .await
        .expect("an answer");
    assert_stored(&batch[0], &facts[..3]);
    assert_stored(&batch[2], &facts[3..]);
}
