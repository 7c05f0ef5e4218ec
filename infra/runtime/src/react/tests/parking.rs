//! What cannot be reacted to is put aside with all that follows it, and taken up again in order.

use std::time::Duration;

use super::bell::newer;
use super::bell::{CRACK, HUSH, MOURN, Muffled, Rang, SOUND, mourning_tower, tower};
use super::bench::{Bench, CONTEXT, TOPIC, eventually, place_of};
use super::hands::Fate;
use crate::Problem;
use crate::execute::Failure;
use crate::ports::{ContextState, EventStore, Progress};
use crate::react::{ReactOptions, redrive};

async fn redrive_all(
    bench: &Bench,
    context: &crate::system::ContextDefinition,
) -> crate::react::Redriven {
    let with = bench.dependencies();
    redrive(context, &*with.progress, &*with.store, &*with.execute, None)
        .await
        .unwrap()
}

async fn until_parked(bench: &Bench, count: usize) {
    eventually(&format!("{count} are parked"), async || {
        bench.parked().await.len() == count
    })
    .await;
}

fn refused() -> Failure {
    Failure::PolicyRefused(Problem::new("out_of_tune", "the echo is out of tune"))
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_refused_parks_its_event_and_all_that_follow_it() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| match what {
        "anne sound 2" => Fate::Fails(refused()),
        _ => Fate::Stored,
    });
    let member = bench.join(tower());
    for n in 1..=4 {
        bench.says("anne", Rang { n }).await;
    }
    let muffled = bench.says("anne", Muffled { n: 5 }).await;
    let other = bench.says("ben", Rang { n: 6 }).await;
    bench.until_marked(HUSH, &muffled).await;
    bench.until_marked(SOUND, &other).await;
    assert_eq!(bench.hands.effects_on("anne"), ["sound 1"]);
    assert_eq!(bench.hands.effects_on("ben"), ["sound 6"]);
    let rows = bench.parked().await;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.position, row.key.as_str(), row.owed.clone()))
        .collect();
    let owed = |policy: &str| vec![policy.to_owned()];
    assert_eq!(
        seen,
        [
            (2, "anne", owed(SOUND)),
            (3, "anne", owed(SOUND)),
            (4, "anne", owed(SOUND)),
            (5, "anne", owed(HUSH)),
        ]
    );
    assert!(rows[0].error.contains("out_of_tune"), "{}", rows[0].error);
    assert_eq!(rows[0].topic, TOPIC);
    assert_eq!(
        rows[0].record,
        bench.log.records(&place_of("anne")).remove(1)
    );
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_will_never_be_stored_parks() {
    for failure in [
        refused(),
        Failure::RefusedAsData("U+0000".to_owned()),
        Failure::Defect("decide panicked".to_owned()),
        Failure::CommandIdReused,
        Failure::VersionMismatch { actual: 3 },
    ] {
        let bench = Bench::new().await;
        let scripted = failure.clone();
        bench
            .hands
            .follow(move |_, _| Fate::Fails(scripted.clone()));
        let member = bench.join(tower());
        bench.says("anne", Rang { n: 1 }).await;
        until_parked(&bench, 1).await;
        assert_eq!(
            bench.hands.submitted().len(),
            1,
            "{failure} is not tried again"
        );
        member.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panics_parks_and_others_of_the_event_are_served() {
    let bench = Bench::new().await;
    bench.registers(&[MOURN]).await;
    let member = bench.join(mourning_tower());
    bench.says("anne", Rang { n: CRACK }).await;
    until_parked(&bench, 1).await;
    let row = bench.parked().await.remove(0);
    assert_eq!(row.owed, [SOUND]);
    assert!(row.error.contains("the bell cracked"), "{}", row.error);
    assert!(!row.unknown);
    assert_eq!(bench.hands.effects(), [format!("anne mourn {CRACK}")]);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_cannot_be_decoded_parks() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let wrong = bench.stores_raw("anne", "Rang", "1", b"{\"n\": \"one\"}".to_vec());
    bench.relays(&wrong.await);
    let mut spoilt = bench.stores("ben", Rang { n: 1 }).await;
    spoilt.payload = "no json".into();
    bench.relays(&spoilt);
    until_parked(&bench, 2).await;
    assert!(
        bench
            .parked()
            .await
            .iter()
            .all(|row| !row.unknown && row.owed == [SOUND])
    );
    member.leave().await;
}

/// No answer at eight attempts, while the store is seen to answer: this one event is broken.
#[tokio::test(start_paused = true)]
async fn an_event_that_never_gets_an_answer_parks_in_the_end() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| match what {
        "anne sound 1" => Fate::Fails(Failure::Late),
        _ => Fate::Stored,
    });
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.says("anne", Rang { n: 2 }).await;
    until_parked(&bench, 2).await;
    let attempts = bench
        .hands
        .submitted()
        .iter()
        .filter(|s| super::hands::say(s) == "anne sound 1")
        .count();
    assert_eq!(attempts, ReactOptions::default().attempts as usize + 1);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_redrive_serves_a_key_in_order_and_its_lane_goes_on() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| match what {
        "anne sound 1" => Fate::Fails(refused()),
        _ => Fate::Stored,
    });
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.says("anne", Muffled { n: 2 }).await;
    until_parked(&bench, 2).await;

    let left = redrive_all(&bench, &tower()).await.left;
    assert_eq!((left.len(), left[0].position), (1, 1));
    assert!(left[0].why.contains("out_of_tune"), "{}", left[0].why);
    assert_eq!(
        bench.parked().await.len(),
        2,
        "it stops at the first that fails again"
    );
    assert!(bench.hands.effects().is_empty());

    bench.hands.let_go();
    let redriven = redrive_all(&bench, &tower()).await;
    assert_eq!((redriven.served, redriven.left.len()), (2, 0));
    assert!(bench.parked().await.is_empty());
    bench.says("anne", Rang { n: 3 }).await;
    bench.until_effects(3).await;
    assert_eq!(
        bench.hands.effects_on("anne"),
        ["sound 1", "hush 2", "sound 3"]
    );
    member.leave().await;
}

/// The lane puts events behind while a redrive empties the key: none is forgotten, none overtakes.
#[tokio::test(start_paused = true)]
async fn a_redrive_beside_a_running_lane_keeps_the_order() {
    for delay in 0..40 {
        let bench = Bench::new().await;
        bench.hands.follow(|what, _| match what {
            "anne sound 1" => Fate::Fails(refused()),
            _ => Fate::Stored,
        });
        let member = bench.join(tower());
        bench.says("anne", Rang { n: 1 }).await;
        until_parked(&bench, 1).await;
        bench.hands.let_go();
        let context = tower();
        let ringing = async {
            tokio::time::sleep(Duration::from_micros(delay * 250)).await;
            for n in 2..=10 {
                bench.says("anne", Rang { n }).await;
                tokio::task::yield_now().await;
            }
        };
        let redriving = async {
            tokio::time::sleep(Duration::from_millis(3)).await;
            while !redrive_all(&bench, &context).await.left.is_empty() {}
        };
        tokio::join!(ringing, redriving);
        while !redrive_all(&bench, &context).await.left.is_empty() {}
        bench.until_effects(10).await;
        let expected: Vec<_> = (1..=10).map(|n| format!("sound {n}")).collect();
        assert_eq!(bench.hands.effects_on("anne"), expected, "after {delay}");
        member.leave().await;
    }
}

/// A member that comes later knows what is parked, and does not run ahead of it.
#[tokio::test(start_paused = true)]
async fn a_parked_key_stays_parked_for_whoever_reads_it_next() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Fails(refused()));
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    until_parked(&bench, 1).await;
    member.crash().await;
    bench.hands.let_go();
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 2 }).await;
    until_parked(&bench, 2).await;
    assert!(bench.hands.effects().is_empty());
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_event_waits_for_the_binary_that_knows_it() {
    let bench = Bench::new().await;
    // The newer binary has been here.
    bench.registers(&[newer::MOURN_STRUCK]).await;

    let older = bench.join(tower());
    let struck = bench
        .stores_raw("anne", "Struck", "1", b"{\"n\":1}".to_vec())
        .await;
    bench.relays(&struck);
    let rang = bench.says("anne", Rang { n: 2 }).await;
    bench.until_marked(SOUND, &rang).await;
    let rows = bench.parked().await;
    assert_eq!(rows.len(), 2, "whatever follows it waits too");
    assert!(rows[0].unknown && rows[0].owed.is_empty());
    assert_eq!(rows[1].owed, [SOUND]);
    older.leave().await;

    let newer_one = bench.join(newer::tower());
    bench.until_effects(2).await;
    assert_eq!(bench.hands.effects(), ["anne mourn 1", "anne sound 2"]);
    eventually("nothing is parked", async || {
        bench.parked().await.is_empty()
    })
    .await;
    newer_one.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_version_waits_too_and_says_for_whom() {
    let bench = Bench::new().await;
    let older = bench.join(tower());
    let muffled = bench
        .stores_raw("anne", "Muffled", "2", b"{\"n\":1}".to_vec())
        .await;
    bench.relays(&muffled);
    until_parked(&bench, 1).await;
    let row = bench.parked().await.remove(0);
    assert!(row.unknown);
    assert_eq!(row.owed, [HUSH]);
    older.leave().await;
    let newer_one = bench.join(newer::tower());
    bench.until_effects(1).await;
    assert_eq!(bench.hands.effects(), ["anne hush 1"]);
    eventually("nothing is parked", async || {
        bench.parked().await.is_empty()
    })
    .await;
    newer_one.leave().await;
}

/// Events of a newer binary are no sign that this one is broken.
#[tokio::test(start_paused = true)]
async fn unknown_events_do_not_stop_the_context() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    for n in 0..30 {
        let struck = bench
            .stores_raw(&format!("bell-{n}"), "Struck", "1", b"{\"n\":1}".to_vec())
            .await;
        bench.relays(&struck);
    }
    until_parked(&bench, 30).await;
    assert_eq!(
        bench.progress.state(CONTEXT).await.unwrap(),
        ContextState::Running
    );
    bench.says("zoe", Rang { n: 1 }).await;
    bench.until_effects(1).await;
    member.leave().await;
}

/// The row names a policy that the redriving binary does not have: it serves the others and leaves the row.
#[tokio::test(start_paused = true)]
async fn a_redrive_serves_whom_it_knows_and_keeps_what_others_are_owed() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Fails(refused()));
    bench.registers(&[MOURN]).await;
    let member = bench.join(mourning_tower());
    bench.says("anne", Rang { n: 1 }).await;
    until_parked(&bench, 1).await;
    assert_eq!(bench.parked().await[0].owed, [SOUND, MOURN]);
    member.leave().await;
    bench.hands.let_go();

    let redriven = redrive_all(&bench, &tower()).await;
    assert_eq!(redriven.served, 0);
    assert!(
        redriven.left[0].why.contains(MOURN),
        "{}",
        redriven.left[0].why
    );
    assert_eq!(bench.parked().await[0].owed, [MOURN]);
    let redriven = redrive_all(&bench, &mourning_tower()).await;
    assert_eq!((redriven.served, redriven.left.len()), (1, 0));
    assert_eq!(bench.hands.effects(), ["anne sound 1", "anne mourn 1"]);
}

/// A policy that was first registered after the event is not owed it, whatever is parked.
#[tokio::test(start_paused = true)]
async fn a_redrive_owes_nothing_to_policies_that_came_later() {
    let bench = Bench::new().await;
    let older = bench.join(tower());
    let struck = bench
        .stores_raw("anne", "Struck", "1", b"{\"n\":1}".to_vec())
        .await;
    bench.relays(&struck);
    until_parked(&bench, 1).await;
    older.leave().await;
    let newer_one = bench.join(newer::tower());
    eventually("nothing is parked", async || {
        bench.parked().await.is_empty()
    })
    .await;
    assert!(bench.hands.submitted().is_empty());
    newer_one.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_restored_away_is_not_redriven() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Fails(refused()));
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.says("ben", Rang { n: 2 }).await;
    until_parked(&bench, 2).await;
    member.leave().await;
    bench.hands.let_go();
    bench.database.restore(1);
    bench.database.repair_fork();
    bench.store.head().await.unwrap();
    let redriven = redrive_all(&bench, &tower()).await;
    assert_eq!(redriven.served, 1);
    assert!(
        redriven.left[0].why.contains("restored away"),
        "{}",
        redriven.left[0].why
    );
    assert_eq!(bench.hands.effects(), ["anne sound 1"]);
}
