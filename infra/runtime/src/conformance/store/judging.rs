//! Rules of checked mode.

use super::Opened;
use super::given::{
    again, appender, assert_stored, changes_nothing, check, everything, expecting, is_refused,
    judge, says, says_json, stock, store, verdict,
};
use crate::ports::{Entry, Stream, Verdict};

pub(super) async fn a_batch_without_trouble_is_stored_in_checked_mode_too(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 2),
        check(&stock("a"), 2),
        changes_nothing(&stock("b"), 0),
        says(&stock("a"), 2, 1),
    ];
    let judged = judge(&mut one, &batch).await;
    let firsts = [1, 2, 3, 4].map(|first| Verdict::Appended { first });
    assert_eq!(
        judged.verdicts, firsts,
        "a check stands at the head of its place"
    );
    let stored = everything(&*opened.other).await;
    assert_stored(&batch[0], &stored[..2]);
    assert_stored(&batch[2], &stored[2..3]);
    assert_stored(&batch[3], &stored[3..]);
    assert!(
        stored
            .iter()
            .all(|event| event.recorded_at == judged.recorded_at)
    );
    let appended = store(&mut one, &[says(&stock("c"), 0, 1)]).await;
    assert_eq!(appended.first, 5, "the fast call goes on from there");
}

pub(super) async fn a_conflict_brings_what_was_missed(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    store(&mut one, &[says(&stock("a"), 0, 1)]).await;
    let missing = says(&stock("a"), 1, 2);
    store(&mut other, std::slice::from_ref(&missing)).await;
    for stale in [
        says(&stock("a"), 1, 1),
        changes_nothing(&stock("a"), 1),
        check(&stock("a"), 1),
    ] {
        let Verdict::Conflict { actual: 3, missed } = verdict(&mut one, stale).await else {
            panic!("a conflict at 3")
        };
        assert_stored(&missing, &missed);
    }
    let ahead = verdict(&mut one, says(&stock("a"), 7, 1)).await;
    assert_eq!(
        ahead,
        Verdict::Conflict {
            actual: 3,
            missed: Vec::new()
        },
        "the store is behind the cache"
    );

    let in_batch = says(&stock("b"), 0, 1);
    let judged = judge(&mut one, &[in_batch.clone(), says(&stock("b"), 0, 1)]).await;
    let Verdict::Conflict { actual: 1, missed } = &judged.verdicts[1] else {
        panic!("a conflict at 1")
    };
    assert_stored(&in_batch, missed);
}

pub(super) async fn a_known_command_gets_its_facts_again(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let (first, idle) = (says(&stock("a"), 0, 3), changes_nothing(&stock("b"), 0));
    store(
        &mut one,
        &[
            says(&stock("z"), 0, 1),
            first.clone(),
            idle.clone(),
            says(&stock("y"), 0, 1),
        ],
    )
    .await;
    let fresh = says(&stock("c"), 0, 2);
    let batch = [
        again(&first, &stock("a"), 3),
        again(&idle, &stock("b"), 0),
        fresh.clone(),
        again(&fresh, &stock("d"), 0),
    ];
    let judged = judge(&mut one, &batch).await;
    for (verdict, entry) in [(0, &first), (1, &idle), (3, &fresh)] {
        let Verdict::AlreadyDone { facts } = &judged.verdicts[verdict] else {
            panic!("done before: {verdict}")
        };
        assert_stored(entry, facts);
    }
    assert_eq!(judged.verdicts[2], Verdict::Appended { first: 7 });
}

pub(super) async fn whatever_follows_a_failed_one_is_behind(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let first = says(&stock("a"), 0, 1);
    store(&mut one, std::slice::from_ref(&first)).await;
    let batch = [
        says(&stock("a"), 0, 1),
        says(&stock("b"), 0, 1),
        says(&stock("a"), 1, 1),
        expecting(says(&stock("a"), 1, 1), 9),
        again(&first, &stock("a"), 1),
        check(&stock("a"), 1),
    ];
    let verdicts = judge(&mut one, &batch).await.verdicts;
    assert!(
        matches!(verdicts[0], Verdict::Conflict { actual: 1, .. }),
        "{:?}",
        verdicts[0]
    );
    assert_eq!(
        verdicts[1],
        Verdict::Appended { first: 2 },
        "another aggregate"
    );
    assert_eq!(verdicts[2], Verdict::Behind);
    assert_eq!(
        verdicts[3],
        Verdict::Behind,
        "behind comes before the expected version"
    );
    assert!(
        matches!(verdicts[4], Verdict::AlreadyDone { .. }),
        "a known id comes before behind"
    );
    assert_eq!(verdicts[5], Verdict::Behind);

    let after_a_repeat = [again(&first, &stock("a"), 1), says(&stock("a"), 1, 1)];
    assert_eq!(
        judge(&mut one, &after_a_repeat).await.verdicts[1],
        Verdict::Behind,
        "done before is failed, too"
    );
    let after_a_mismatch = [
        expecting(says(&stock("a"), 1, 1), 9),
        says(&stock("a"), 1, 1),
    ];
    assert_eq!(
        judge(&mut one, &after_a_mismatch).await.verdicts[1],
        Verdict::Behind
    );
    let other_type = [
        says(&stock("a"), 0, 1),
        says(&Stream::new("shelf", "a"), 0, 1),
    ];
    assert_eq!(
        judge(&mut one, &other_type).await.verdicts[1],
        Verdict::Appended { first: 3 },
        "only its namesake"
    );
}

pub(super) async fn the_expected_version_is_judged_before_the_version(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    store(&mut one, &[says(&stock("a"), 0, 2)]).await;
    let both_wrong = verdict(&mut one, expecting(says(&stock("a"), 1, 1), 1)).await;
    assert_eq!(both_wrong, Verdict::VersionMismatch { actual: 2 });
    let only_stale = verdict(&mut one, expecting(says(&stock("a"), 1, 1), 2)).await;
    assert!(
        matches!(only_stale, Verdict::Conflict { actual: 2, .. }),
        "decide it again: {only_stale:?}"
    );
    let only_expected = verdict(&mut one, expecting(check(&stock("a"), 2), 1)).await;
    assert_eq!(only_expected, Verdict::VersionMismatch { actual: 2 });
    let right = verdict(&mut one, expecting(says(&stock("a"), 2, 1), 2)).await;
    assert_eq!(right, Verdict::Appended { first: 3 });
}

pub(super) async fn a_gap_is_a_conflict_of_its_own_entry_only(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let mut misnumbered = says(&stock("b"), 0, 2);
    misnumbered.events.remove(0);
    let batch = [
        says(&stock("a"), 2, 1),
        misnumbered,
        says(&stock("c"), 0, 1),
    ];
    let verdicts = judge(&mut one, &batch).await.verdicts;
    assert_eq!(
        verdicts[0],
        Verdict::Conflict {
            actual: 0,
            missed: Vec::new()
        }
    );
    assert_eq!(
        verdicts[1],
        Verdict::Conflict {
            actual: 0,
            missed: Vec::new()
        }
    );
    assert_eq!(verdicts[2], Verdict::Appended { first: 1 });
}

/// What no store takes, by what is wrong with it.
fn bad_data() -> Vec<(&'static str, Entry)> {
    let heavy = format!("{{\"note\":\"{}\"}}", "x".repeat(900_000));
    vec![
        ("an id with U+0000", says(&stock("a\0b"), 0, 1)),
        ("an id of 256 bytes", says(&stock(&"b".repeat(256)), 0, 1)),
        (
            "an id of 3,500 bytes",
            says(&stock(&"c".repeat(3_500)), 0, 1),
        ),
        (
            "U+0000 in the payload",
            says_json(&stock("d"), 0, b"{\"note\":\"\0\"}"),
        ),
        (
            "U+0000 in the payload, escaped",
            says_json(&stock("e"), 0, br#"{"note":"\u0000"}"#),
        ),
        ("no JSON", says_json(&stock("f"), 0, b"{\"note\":")),
        (
            "no UTF-8",
            says_json(&stock("g"), 0, b"{\"note\":\"\xff\"}"),
        ),
        (
            "more than 900 kB",
            says_json(&stock("h"), 0, heavy.as_bytes()),
        ),
    ]
}

pub(super) async fn bad_data_harm_no_neighbour(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    for (what, bad) in bad_data() {
        let good = |name: &str| says(&stock(&format!("{name} of {what}")), 0, 1);
        assert!(
            is_refused(&mut one, &[good("before"), bad.clone()]).await,
            "{what}"
        );
        let mut behind = check(&bad.stream, 0);
        behind.expected_version = Some(4);
        let verdicts = judge(&mut one, &[good("before"), bad, behind, good("after")])
            .await
            .verdicts;
        assert!(
            matches!(verdicts[0], Verdict::Appended { .. }),
            "{what}: {verdicts:?}"
        );
        assert!(
            matches!(verdicts[1], Verdict::RefusedAsData { .. }),
            "{what}: {verdicts:?}"
        );
        assert_eq!(verdicts[2], Verdict::Behind, "{what}");
        assert!(
            matches!(verdicts[3], Verdict::Appended { .. }),
            "{what}: {verdicts:?}"
        );
    }
    let fits = says_json(
        &stock(&"z".repeat(255)),
        0,
        br#"{"note":"\\u0000 is no escape"}"#,
    );
    store(&mut one, std::slice::from_ref(&fits)).await;
    assert_stored(
        &fits,
        &everything(&*opened.one).await[2 * bad_data().len()..],
    );
}

pub(super) async fn a_known_command_is_known_whatever_its_data(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let first = says(&stock("a"), 0, 1);
    store(&mut one, std::slice::from_ref(&first)).await;
    for (what, mut bad) in bad_data() {
        bad.command_id = first.command_id;
        let verdict = verdict(&mut one, bad).await;
        assert!(
            matches!(verdict, Verdict::AlreadyDone { .. }),
            "{what}: {verdict:?}"
        );
    }
}

pub(super) async fn who_lost_a_race_is_named_to_everybody(opened: Opened) {
    let (mut one, mut other) = (appender(&*opened.one).await, appender(&*opened.other).await);
    let quiet = store(&mut one, &[says(&stock("hot"), 0, 1)]).await;
    assert_eq!(quiet.contended, []);
    let lost = judge(
        &mut other,
        &[
            says(&stock("hot"), 0, 1),
            expecting(says(&stock("calm"), 0, 1), 3),
        ],
    )
    .await;
    assert_eq!(lost.contended, [stock("hot")], "a 412 is no race");
    let next = store(&mut one, &[says(&stock("cold"), 0, 1)]).await;
    assert_eq!(next.contended, [stock("hot")]);
}
