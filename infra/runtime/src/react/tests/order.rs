//! Order within a key: pipelined, and never out of turn.

use super::bell::{Muffled, Rang, SOUND, tower};
use super::bench::Bench;
use super::hands::{Fate, say};
use crate::execute::{Failure, Origin};

#[tokio::test(start_paused = true)]
async fn events_of_a_key_take_effect_in_order_and_many_are_in_flight() {
    let bench = Bench::new().await;
    for n in 1..=200 {
        bench.says("anne", Rang { n }).await;
    }
    let member = bench.join(tower());
    bench.until_effects(200).await;
    let expected: Vec<_> = (1..=200).map(|n| format!("anne sound {n}")).collect();
    assert_eq!(bench.hands.effects(), expected);
    assert!(bench.hands.most_in_hand() > 1, "a hot key fills batches");
    assert!(
        bench.hands.most_in_hand() <= 64,
        "and no more than its window"
    );
    member.leave().await;
}

/// A hold meets a full queue while its release is on its way: released before it is held, it would be held for ever.
#[tokio::test(start_paused = true)]
async fn a_release_is_never_stored_before_its_hold() {
    for failure in [
        Failure::Overloaded,
        Failure::Late,
        Failure::OutcomeUnknown,
        Failure::Unavailable,
        Failure::ShuttingDown,
        Failure::Forked("restored".to_owned()),
    ] {
        let bench = Bench::new().await;
        bench
            .hands
            .follow(move |what, attempt| match (what, attempt) {
                ("anne sound 1", 1) => Fate::Fails(failure.clone()),
                _ => Fate::Stored,
            });
        bench.says("anne", Rang { n: 1 }).await;
        bench.says("anne", Muffled { n: 1 }).await;
        let member = bench.join(tower());
        bench.until_effects(2).await;
        assert_eq!(bench.hands.effects(), ["anne sound 1", "anne hush 1"]);
        member.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_submissions_of_a_run_bear_its_token_and_the_next_run_has_another() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, attempt| match (what, attempt) {
        ("anne sound 1", 1) => Fate::Fails(Failure::Late),
        _ => Fate::Stored,
    });
    for n in 1..=3 {
        bench.says("anne", Rang { n }).await;
    }
    let member = bench.join(tower());
    bench.until_effects(3).await;
    let revoked: Vec<_> = bench
        .hands
        .submitted()
        .iter()
        .map(|submission| {
            let Origin::Policy(token) = &submission.origin else {
                panic!("policies ask");
            };
            (say(submission), token.is_revoked())
        })
        .collect();
    let run = |is_revoked| (1..=3).map(move |n| (format!("anne sound {n}"), is_revoked));
    assert_eq!(revoked, run(true).chain(run(false)).collect::<Vec<_>>());
    member.leave().await;
}

/// A failure deep in a run: what was stored before it is not repeated, what came after waits for it.
#[tokio::test(start_paused = true)]
async fn a_run_starts_again_at_the_first_event_that_is_not_finished() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, attempt| match (what, attempt) {
        ("anne sound 5", 1..=3) => Fate::Fails(Failure::Late),
        _ => Fate::Stored,
    });
    for n in 1..=10 {
        bench.says("anne", Rang { n }).await;
    }
    let member = bench.join(tower());
    bench.until_effects(10).await;
    let expected: Vec<_> = (1..=10).map(|n| format!("anne sound {n}")).collect();
    assert_eq!(bench.hands.effects(), expected);
    let submitted: Vec<_> = bench.hands.submitted().iter().map(say).collect();
    let of = |n| {
        submitted
            .iter()
            .filter(|what| **what == format!("anne sound {n}"))
            .count()
    };
    assert_eq!((of(4), of(5)), (1, 4));
    assert_eq!(
        of(6),
        2,
        "with care, the later ones wait for the one that failed"
    );
    member.leave().await;
}

/// The tenth always fails at once and sends its elders back: they must get through all the same.
#[tokio::test(start_paused = true)]
async fn an_event_that_always_fails_does_not_hold_back_those_before_it() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, attempt| match (what, attempt) {
        // The first is slow to be heard of: each time the later one has failed before.
        ("anne sound 1", 1) => Fate::Fails(Failure::Overloaded),
        ("anne sound 2", _) => Fate::Fails(Failure::Defect("broken".to_owned())),
        _ => Fate::Stored,
    });
    for n in 1..=3 {
        bench.says("anne", Rang { n }).await;
    }
    let member = bench.join(tower());
    super::bench::eventually("the second is parked, with the third behind", async || {
        bench.parked().await.len() == 2
    })
    .await;
    assert_eq!(bench.hands.effects(), ["anne sound 1"]);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_holds_up_no_other() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| {
        if what.starts_with("bell-0 ") {
            Fate::Fails(Failure::Overloaded)
        } else {
            Fate::Stored
        }
    });
    for n in 0..100 {
        bench.says(&format!("bell-{}", n % 10), Rang { n }).await;
    }
    let member = bench.join(tower());
    bench.until_effects(90).await;
    bench.hands.let_go();
    bench.until_effects(100).await;
    let expected: Vec<_> = (0..100).step_by(10).map(|n| format!("sound {n}")).collect();
    assert_eq!(bench.hands.effects_on("bell-0"), expected);
    let last = bench.says("bell-0", Rang { n: 100 }).await;
    bench.until_marked(SOUND, &last).await;
    member.leave().await;
}
