//! Effectively once: whatever is repeated, interrupted or lost, each event takes effect once.

use std::time::Duration;

use super::bell::{Dusted, HUSH, Muffled, Rang, SOUND, changed_tower, tower};
use super::bench::{Bench, eventually, place_of};
use super::hands::{Fate, say};
use crate::execute::Origin;
use crate::ports::{Log, Progress};
use crate::react::ReactOptions;

#[tokio::test(start_paused = true)]
async fn an_event_is_reacted_to_and_progress_follows() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let rang = bench.says("anne", Rang { n: 1 }).await;
    let dusted = bench.says("anne", Dusted {}).await;
    bench.until_marked(SOUND, &dusted).await;
    bench.until_marked(HUSH, &dusted).await;
    assert_eq!(bench.hands.effects(), ["anne sound 1"]);
    assert!(rang.position < dusted.position);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_submission_says_who_asks_why_and_because_of_what() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let rang = bench.says("anne", Rang { n: 1 }).await;
    bench.until_effects(1).await;
    let asked = bench.hands.submitted().remove(0);
    assert_eq!(say(&asked), "anne sound 1");
    assert_eq!(asked.actor.as_str(), "policy:sound_when_rang");
    assert_eq!(asked.causation_id, Some(rang.event_id));
    assert_eq!(asked.correlation_id, "of anne 1");
    assert_eq!(asked.traceparent, rang.read_metadata().traceparent);
    assert!(matches!(asked.origin, Origin::Policy(_)));
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_is_not_submitted_again() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.says("anne", Rang { n: 2 }).await;
    let at = place_of("anne");
    for record in bench.log.records(&at) {
        bench.log.put_again(&record);
    }
    let last = bench.says("anne", Rang { n: 3 }).await;
    bench.until_marked(SOUND, &last).await;
    let submitted: Vec<_> = bench.hands.submitted().iter().map(say).collect();
    assert_eq!(submitted, ["anne sound 1", "anne sound 2", "anne sound 3"]);
    member.leave().await;
}

/// Nothing was saved; everything is heard again and bears the ids it had.
#[tokio::test(start_paused = true)]
async fn after_a_crash_the_same_ids_are_submitted_again() {
    let bench = Bench::new().await;
    let slow = ReactOptions {
        save_every: Duration::from_secs(3_600),
        ..ReactOptions::default()
    };
    let member = bench.join_with(tower(), slow);
    for n in 1..=20 {
        bench.says(&format!("bell-{}", n % 5), Rang { n }).await;
    }
    bench.until_effects(20).await;
    member.crash().await;

    let member = bench.join(tower());
    let last = bench.says("bell-1", Rang { n: 21 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.effects().len(), 21, "each took effect once");
    assert!(
        bench.hands.submitted().len() > 21,
        "and was submitted again"
    );
    member.leave().await;
}

/// Between two deliveries the policy came to ask for something else first: ids by ordinal would skip one command and
/// do the other twice.
#[tokio::test(start_paused = true)]
async fn a_policy_whose_code_changed_between_two_deliveries_repeats_nothing() {
    let bench = Bench::new().await;
    let slow = ReactOptions {
        save_every: Duration::from_secs(3_600),
        ..ReactOptions::default()
    };
    let member = bench.join_with(tower(), slow);
    let rang = bench.says("anne", Rang { n: 1 }).await;
    bench.until_effects(1).await;
    member.crash().await;
    let member = bench.join(changed_tower());
    bench.until_marked(SOUND, &rang).await;
    assert_eq!(bench.hands.effects(), ["anne sound 1", "anne mourn 1"]);
    member.leave().await;
}

/// A ledger that was restored stands behind what the group has noted in the log: the ledger's word counts.
#[tokio::test(start_paused = true)]
async fn the_position_in_the_ledger_wins_over_the_offset_in_the_log() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let first = bench.says("anne", Rang { n: 1 }).await;
    bench.until_marked(SOUND, &first).await;
    let backup = bench.progress.backup();
    let mut last = first;
    for n in 2..=5 {
        last = bench.says("anne", Rang { n }).await;
    }
    bench.until_marked(SOUND, &last).await;
    eventually("the log was told", async || {
        bench.log.noted("jangbu.policies.tower", &place_of("anne")) == Some(5)
    })
    .await;
    member.leave().await;
    bench.progress.restore(backup);
    let member = bench.join(tower());
    bench.until_marked(SOUND, &last).await;
    let submitted: Vec<_> = bench.hands.submitted().iter().skip(5).map(say).collect();
    let again: Vec<_> = (2..=5).map(|n| format!("anne sound {n}")).collect();
    assert_eq!(submitted, again);
    assert_eq!(bench.hands.effects().len(), 5);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_left_in_order_has_saved_what_was_done() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    for n in 1..=20 {
        bench.says(&format!("bell-{}", n % 5), Rang { n }).await;
    }
    bench.until_effects(20).await;
    member.leave().await;
    let member = bench.join(tower());
    let last = bench.says("bell-1", Rang { n: 21 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(
        bench.hands.submitted().len(),
        21,
        "nothing was submitted twice"
    );
    member.leave().await;
}

/// Progress is not told of an event whose submission has no answer, however many after it are done.
#[tokio::test(start_paused = true)]
async fn progress_waits_for_the_oldest_submission() {
    let bench = Bench::new().await;
    bench.hands.follow(|what, _| match what {
        "bell-1 sound 1" => Fate::Held,
        _ => Fate::Stored,
    });
    let member = bench.join(tower());
    let bells = super::bench::bells_together(3);
    bench.hands.follow({
        let held = format!("{} sound 1", bells[0]);
        move |what, _| {
            if what == held {
                Fate::Held
            } else {
                Fate::Stored
            }
        }
    });
    let first = bench.says(&bells[0], Rang { n: 1 }).await;
    let second = bench.says(&bells[1], Rang { n: 2 }).await;
    bench.says(&bells[2], Rang { n: 3 }).await;
    bench.until_effects(2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(bench.mark(SOUND, &bells[0]).await < Some(first.position));
    bench.hands.let_go();
    bench.until_marked(SOUND, &second).await;
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_hears_moves_progress_all_the_same() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let dusted = bench.says("anne", Dusted {}).await;
    bench.until_marked(HUSH, &dusted).await;
    assert!(bench.hands.submitted().is_empty());
    member.leave().await;
}

/// An engine that is down for long is no event's fault: nothing is parked, and nothing forgotten.
#[tokio::test(start_paused = true)]
async fn an_outage_parks_nothing() {
    let bench = Bench::new().await;
    bench
        .hands
        .follow(|_, _| Fate::Fails(crate::execute::Failure::Unavailable));
    let member = bench.join(tower());
    for n in 1..=30 {
        bench.says(&format!("bell-{n}"), Rang { n }).await;
    }
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert!(bench.parked().await.is_empty());
    bench.hands.let_go();
    bench.until_effects(30).await;
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_what_is_in_flight_is_finished_and_nothing_new_begun() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Held);
    let options = ReactOptions {
        window: 1,
        ..ReactOptions::default()
    };
    let member = bench.join_with(tower(), options);
    let first = bench.says("anne", Rang { n: 1 }).await;
    bench.says("anne", Muffled { n: 2 }).await;
    eventually("the first is in hand", async || bench.hands.held() == 1).await;
    member.asked_to_leave();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!member.has_left(), "it waits for what is in hand");
    bench.hands.let_go();
    member.leave().await;
    assert_eq!(bench.hands.effects(), ["anne sound 1"]);
    assert_eq!(bench.mark(SOUND, "anne").await, Some(first.position));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_ever() {
    let bench = Bench::new().await;
    bench.hands.follow(|_, _| Fate::Held);
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    eventually("it is in hand", async || bench.hands.held() == 1).await;
    let asked = tokio::time::Instant::now();
    member.leave().await;
    assert!(asked.elapsed() <= Duration::from_secs(25));
    assert_eq!(
        bench.mark(SOUND, "anne").await,
        None,
        "what was not finished is not done"
    );
}

/// Reading pauses when too much waits, and goes on when half of it is worked off.
#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded() {
    let bench = Bench::new().await;
    for n in 1..=2_000 {
        bench.says(&format!("bell-{}", n % 50), Rang { n }).await;
    }
    let options = ReactOptions {
        queued_events: 64,
        in_flight: 8,
        window: 4,
        ..ReactOptions::default()
    };
    let member = bench.join_with(tower(), options);
    bench.until_effects(2_000).await;
    assert!(bench.hands.most_in_hand() <= 8);
    member.leave().await;
}

/// Tools that show lag read the group's offsets.
#[tokio::test(start_paused = true)]
async fn the_group_notes_how_far_it_came() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let rang = bench.says("anne", Rang { n: 1 }).await;
    bench.until_marked(SOUND, &rang).await;
    let at = place_of("anne");
    eventually("the offset is noted", async || {
        bench.log.noted("jangbu.policies.tower", &at) == Some(1)
    })
    .await;
    let edges = bench.log.edges(&[at]).await.unwrap();
    assert_eq!(edges[0].high, 1);
    member.leave().await;
    assert!(
        bench
            .progress
            .parked_keys("tower")
            .await
            .unwrap()
            .is_empty()
    );
}
