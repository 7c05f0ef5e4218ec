//! Partitions come and go, and so do policies.

use std::time::Duration;

use super::bell::{HUSH, MOURN, Muffled, Rang, SOUND, mourning_tower, tower, tower_of_memory};
use super::bench::{Bench, CONTEXT, eventually, place_of};
use super::hands::{Fate, say};
use crate::ports::Progress;

#[tokio::test(start_paused = true)]
async fn a_second_member_takes_over_its_share_and_nothing_is_done_twice() {
    let bench = Bench::new().await;
    let first = bench.join(tower());
    for n in 0..100 {
        bench.says(&format!("bell-{}", n % 20), Rang { n }).await;
    }
    let second = bench.join(tower());
    for n in 100..200 {
        bench.says(&format!("bell-{}", n % 20), Rang { n }).await;
    }
    bench.until_effects(200).await;
    assert_eq!(
        bench.hands.submitted().len(),
        200,
        "revoked partitions were drained and saved"
    );
    first.leave().await;
    for n in 200..300 {
        bench.says(&format!("bell-{}", n % 20), Rang { n }).await;
    }
    bench.until_effects(300).await;
    second.leave().await;
    for bell in 0..20 {
        let expected: Vec<_> = (0..300)
            .filter(|n| n % 20 == bell)
            .map(|n| format!("sound {n}"))
            .collect();
        assert_eq!(bench.hands.effects_on(&format!("bell-{bell}")), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoke_waits_for_what_is_in_flight_but_not_for_ever() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Held);
    let first = bench.join(tower());
    for n in 0..8 {
        bench.says(&format!("bell-{n}"), Rang { n }).await;
    }
    eventually("all is in hand", async || bench.hands.held() == 8).await;
    let asked = tokio::time::Instant::now();
    let second = bench.join(tower());
    eventually("the second member submits what it took over", async || {
        bench.hands.submitted().len() > 8
    })
    .await;
    let waited = asked.elapsed();
    assert!(waited >= Duration::from_secs(10), "{waited:?}");
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    bench.hands.let_go();
    bench.until_effects(8).await;
    assert_eq!(bench.hands.effects().len(), 8);
    first.leave().await;
    second.leave().await;
}

/// The session was lost without asking: what is in hand must not be stored behind the back of the next.
#[tokio::test(start_paused = true)]
async fn what_was_lost_is_dropped_and_read_again() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Held);
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.says("anne", Muffled { n: 2 }).await;
    eventually("it is in hand", async || bench.hands.held() == 2).await;
    bench.log.lose_sessions("jangbu.policies.tower");
    eventually("it is in hand again", async || bench.hands.held() == 4).await;
    let revoked: Vec<_> = bench
        .hands
        .submitted()
        .iter()
        .map(|submission| match &submission.origin {
            crate::execute::Origin::Policy(token) => token.is_revoked(),
            crate::execute::Origin::Person => panic!("policies ask"),
        })
        .collect();
    assert_eq!(revoked, [true, true, false, false]);
    bench.hands.let_go();
    bench.until_effects(2).await;
    assert_eq!(bench.hands.effects(), ["anne sound 1", "anne hush 2"]);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_starts_where_it_is_first_registered() {
    let bench = Bench::new().await;
    let older = bench.join(tower());
    for n in 1..=5 {
        bench.says("anne", Rang { n }).await;
    }
    bench.until_effects(5).await;
    older.leave().await;
    let newer = bench.join(mourning_tower());
    eventually("it is registered", async || {
        bench.progress.starts(CONTEXT).await.unwrap().len() == 3
    })
    .await;
    let last = bench.says("anne", Rang { n: 6 }).await;
    bench.until_marked(MOURN, &last).await;
    let mourned: Vec<_> = bench
        .hands
        .effects()
        .into_iter()
        .filter(|what| what.contains("mourn"))
        .collect();
    assert_eq!(mourned, ["anne mourn 6"]);
    newer.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_ask_for_all_of_history() {
    let bench = Bench::new().await;
    let older = bench.join(tower());
    for n in 1..=5 {
        bench.says("anne", Rang { n }).await;
    }
    bench.until_effects(5).await;
    older.leave().await;
    let newer = bench.join(tower_of_memory());
    bench.until_effects(10).await;
    let new: Vec<_> = bench.hands.submitted().iter().skip(5).map(say).collect();
    let expected: Vec<_> = (1..=5).map(|n| format!("anne mourn {n}")).collect();
    assert_eq!(new, expected, "and the others skip what they have done");
    newer.leave().await;
}

/// An old binary has the partition while a new policy is registered: it must not lead that policy past anything.
#[tokio::test(start_paused = true)]
async fn a_binary_that_does_not_know_a_policy_does_not_move_its_progress() {
    let bench = Bench::new().await;
    bench.registers(&[MOURN]).await;
    let newer = bench.join(mourning_tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.until_effects(2).await;
    newer.leave().await;
    let older = bench.join(tower());
    let mut last = bench.says("anne", Rang { n: 2 }).await;
    for n in 3..=5 {
        last = bench.says("anne", Rang { n }).await;
    }
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.mark(MOURN, "anne").await, Some(1));
    older.leave().await;
    let newer = bench.join(mourning_tower());
    bench.until_marked(MOURN, &last).await;
    let mourned = bench
        .hands
        .effects_on("anne")
        .into_iter()
        .filter(|what| what.starts_with("mourn"));
    assert_eq!(
        mourned.collect::<Vec<_>>(),
        ["mourn 1", "mourn 2", "mourn 3", "mourn 4", "mourn 5"]
    );
    let sounded = bench
        .hands
        .submitted()
        .iter()
        .filter(|s| say(s).contains("sound"))
        .count();
    assert_eq!(sounded, 5, "each policy skips what it has done");
    newer.leave().await;
}

/// A policy that comes back to an event which others have parked is owed it as well, and in order.
#[tokio::test(start_paused = true)]
async fn a_policy_that_lags_is_added_to_what_is_parked() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| {
        if what.contains("sound") {
            Fate::Fails(crate::execute::Failure::Defect("broken".to_owned()))
        } else {
            Fate::Stored
        }
    });
    bench.registers(&[MOURN]).await;
    let older = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    let last = bench.says("anne", Rang { n: 2 }).await;
    bench.until_marked(SOUND, &last).await;
    older.leave().await;
    let newer = bench.join(mourning_tower());
    bench.until_marked(MOURN, &last).await;
    let owed: Vec<_> = bench
        .parked()
        .await
        .into_iter()
        .map(|row| row.owed)
        .collect();
    assert_eq!(owed, [[SOUND, MOURN], [SOUND, MOURN]]);
    assert!(bench.hands.effects().is_empty());
    assert_eq!(bench.mark(HUSH, "anne").await, Some(last.position));
    newer.leave().await;
    assert_eq!(place_of("anne").topic.as_ref(), super::bench::TOPIC);
}
