//! What the log lost is read from the store; what belongs to another history is passed over.

use std::time::Duration;

use super::bell::{Rang, SOUND, tower};
use super::bench::{Bench, bells_together, eventually, place_of};
use crate::ports::EventStore;

#[tokio::test(start_paused = true)]
async fn a_hole_in_the_log_is_filled_from_the_store() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let bells = bells_together(3);
    bench.says(&bells[0], Rang { n: 1 }).await;
    bench.until_effects(1).await;
    let mut lost = Vec::new();
    for n in 2..=1_200 {
        let bell = &bells[usize::try_from(n % 3).unwrap()];
        lost.push(bench.stores(bell, Rang { n }).await);
    }
    let last = bench.stores(&bells[0], Rang { n: 1_201 }).await;
    bench.put(&last, lost.last().unwrap().position);
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.effects().len(), 1_201);
    for bell in &bells {
        let mut seen: Vec<u64> = bench
            .hands
            .effects_on(bell)
            .iter()
            .map(|effect| effect.strip_prefix("sound ").unwrap().parse().unwrap())
            .collect();
        let as_seen = seen.clone();
        seen.sort_unstable();
        assert_eq!(as_seen, seen, "in order");
    }
    assert!(bench.progress.dead_letters().is_empty());
    member.leave().await;
}

/// Nothing tells that records are not handed out any more, but that the relay has sent them.
#[tokio::test(start_paused = true)]
async fn a_member_that_goes_deaf_joins_anew() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.until_effects(1).await;
    bench.log.deafen_members();
    let mut last = bench.says("anne", Rang { n: 2 }).await;
    bench.until_effects(2).await;
    for n in 3..=20 {
        last = bench.says("anne", Rang { n }).await;
    }
    bench.until_marked(SOUND, &last).await;
    let expected: Vec<_> = (1..=20).map(|n| format!("sound {n}")).collect();
    assert_eq!(bench.hands.effects_on("anne"), expected);
    member.leave().await;
}

/// Everything in the partition was taken by retention before anybody read it: no record shows `previous > last`.
#[tokio::test(start_paused = true)]
async fn an_emptied_partition_is_filled_from_the_store() {
    let bench = Bench::new().await;
    let mut last = bench.says("anne", Rang { n: 1 }).await;
    for n in 2..=20 {
        last = bench.says("anne", Rang { n }).await;
    }
    let at = place_of("anne");
    bench.log.truncate_before(&at, bench.end(&at));
    let member = bench.join(tower());
    bench.until_marked(SOUND, &last).await;
    let expected: Vec<_> = (1..=20).map(|n| format!("sound {n}")).collect();
    assert_eq!(bench.hands.effects_on("anne"), expected);
    // And it goes on from there.
    let next = bench.says("anne", Rang { n: 21 }).await;
    bench.until_marked(SOUND, &next).await;
    assert_eq!(bench.hands.effects().len(), 21);
    member.leave().await;
}

/// The beginning is gone and the rest is there.
#[tokio::test(start_paused = true)]
async fn the_part_that_retention_took_is_filled_from_the_store() {
    let bench = Bench::new().await;
    let early = bench.join(tower());
    bench.says("anne", Rang { n: 1 }).await;
    bench.until_effects(1).await;
    early.leave().await;
    let mut last = bench.says("anne", Rang { n: 2 }).await;
    for n in 3..=20 {
        last = bench.says("anne", Rang { n }).await;
    }
    bench.log.truncate_before(&place_of("anne"), 10);
    let member = bench.join(tower());
    bench.until_marked(SOUND, &last).await;
    let expected: Vec<_> = (1..=20).map(|n| format!("sound {n}")).collect();
    assert_eq!(bench.hands.effects_on("anne"), expected);
    member.leave().await;
}

/// A topic that was wiped and filled again has other offsets: the hint is only a hint.
#[tokio::test(start_paused = true)]
async fn a_topic_that_was_made_anew_is_read_from_its_start() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let mut all = Vec::new();
    for n in 1..=10 {
        all.push(bench.says("anne", Rang { n }).await);
    }
    bench.until_marked(SOUND, &all[9]).await;
    member.leave().await;
    bench.log.wipe(super::bench::TOPIC);
    let mut previous = 0;
    let fifth = all[4].position;
    for told in all.iter().filter(|told| told.position > fifth) {
        bench.put(told, previous);
        previous = told.position;
    }
    let member = bench.join(tower());
    let last = bench.says("anne", Rang { n: 11 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.submitted().len(), 11);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_ends_in_control_records_is_at_its_end() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let told = bench.says("anne", Rang { n: 1 }).await;
    let at = place_of("anne");
    bench.log.put_control(&at);
    bench.log.put_control(&at);
    bench.until_marked(SOUND, &told).await;
    eventually("the control records are passed", async || {
        bench.log.noted("jangbu.policies.tower", &at) == Some(3)
    })
    .await;
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn records_of_another_incarnation_are_passed_over() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let told = bench.says("anne", Rang { n: 1 }).await;
    bench.until_marked(SOUND, &told).await;
    let mut foreign = told.clone();
    foreign.position = 4_000;
    foreign.event_id = uuid::Uuid::from_u128(77);
    let source = event_schemas::Source {
        incarnation: uuid::Uuid::from_u128(42),
        ..bench.store.source()
    };
    bench.put_as(&foreign, 3_999, &source);
    let last = bench.says("anne", Rang { n: 2 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.effects(), ["anne sound 1", "anne sound 2"]);
    assert!(bench.progress.dead_letters().is_empty());
    member.leave().await;
}

/// A backup is restored and accepted while a member runs: it drops what it knew, and reacts to the new history.
#[tokio::test(start_paused = true)]
async fn after_a_fork_the_new_history_is_followed() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let first = bench.says("anne", Rang { n: 1 }).await;
    bench.until_marked(SOUND, &first).await;
    let backup = bench.progress.backup();
    for n in 2..=5 {
        bench.says("anne", Rang { n }).await;
    }
    bench.until_effects(5).await;
    bench.database.restore(1);
    bench.progress.restore(backup);
    // What it had done of the lost history must not be told to the restored ledger.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.mark(SOUND, "anne").await, Some(first.position));
    bench.database.repair_fork();
    bench.store.head().await.unwrap();
    bench
        .ledger
        .carried(&place_of("anne"), 1, bench.end(&place_of("anne")));
    bench.forget_after("anne", 1);
    let mut last = first;
    for n in 12..=14 {
        last = bench.says("anne", Rang { n }).await;
    }
    bench.until_marked(SOUND, &last).await;
    let new: Vec<_> = bench.hands.effects_on("anne").split_off(5);
    assert_eq!(new, ["sound 12", "sound 13", "sound 14"]);
    member.leave().await;
}
