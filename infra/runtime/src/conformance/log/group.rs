//! Rules of groups.

use std::collections::BTreeSet;
use std::time::Duration;

use super::LogBench;
use super::bench::{Heard, numbers, publish, topic, value};
use crate::ports::TopicPartition;

const SOON: Duration = Duration::from_millis(300);

fn name(places: &[TopicPartition]) -> &str {
    &places[0].topic
}

fn set(places: &[TopicPartition]) -> BTreeSet<TopicPartition> {
    places.iter().cloned().collect()
}

/// A member that has all of `places`.
async fn sole_member(bench: &dyn LogBench, group: &str, places: &[TopicPartition]) -> Heard {
    let mut topics: Vec<_> = places.iter().map(|at| &*at.topic).collect();
    topics.dedup();
    let mut member = Heard::join(bench, group, &topics).await;
    member
        .until("it has all partitions", |member| {
            member.assigned.len() == places.len()
        })
        .await;
    assert_eq!(set(&member.assigned), set(places));
    member
}

pub(super) async fn a_lone_member_has_everything_and_reads_only_what_it_started(
    bench: &dyn LogBench,
) {
    let places = topic(bench, 3).await;
    publish(bench, &places[0], numbers(0, 5)).await;
    publish(bench, &places[1], numbers(0, 5)).await;
    let mut member = sole_member(bench, &bench.fresh_name(), &places).await;
    member.listen(SOON).await;
    assert_eq!(member.records, [], "nothing is started");
    member.member.start(&places[1], 3).await.unwrap();
    member
        .until("two records are read", |member| member.records.len() >= 2)
        .await;
    member.listen(SOON).await;
    let read: Vec<_> = member
        .records
        .iter()
        .map(|record| (record.at.clone(), record.offset))
        .collect();
    assert_eq!(read, [(places[1].clone(), 3), (places[1].clone(), 4)]);
    let stranger = TopicPartition {
        topic: bench.fresh_name().into(),
        partition: 0,
    };
    assert!(
        member.member.start(&stranger, 0).await.is_err(),
        "only what is ours can be started"
    );
    member.member.note(&[(places[1].clone(), 5)]).await;
    member.member.leave().await;
}

pub(super) async fn ends_are_told_once_per_advance_and_for_each_topic(bench: &dyn LogBench) {
    let (first, second) = (topic(bench, 2).await, topic(bench, 2).await);
    let places = [first.clone(), second.clone()].concat();
    publish(bench, &second[1], numbers(0, 5)).await;
    bench.delete_before(&second[1], 5).await;
    publish(bench, &first[1], numbers(0, 3)).await;
    let mut member = sole_member(bench, &bench.fresh_name(), &places).await;
    member.start_all(0).await;
    member
        .until("every end is told", |member| member.ends.len() >= 4)
        .await;
    let mut ends = member.ends.clone();
    ends.sort_unstable();
    let mut expected = vec![
        (first[0].clone(), 0),
        (first[1].clone(), 3),
        (second[0].clone(), 0),
        (second[1].clone(), 5),
    ];
    expected.sort_unstable();
    assert_eq!(ends, expected, "of an emptied partition too");
    publish(bench, &second[0], numbers(0, 2)).await;
    let advanced = (second[0].clone(), 2);
    member
        .until("the new end is told", |member| {
            member.ends.contains(&advanced)
        })
        .await;
    assert_eq!(member.records.len(), 5);
    member.member.leave().await;
}

pub(super) async fn a_second_member_gets_its_share_only_after_release(bench: &dyn LogBench) {
    let places = topic(bench, 4).await;
    let group = bench.fresh_name();
    let mut first = sole_member(bench, &group, &places).await;
    first.start_all(0).await;
    let mut second = Heard::join(bench, &group, &[name(&places)]).await;
    while first.revoked.is_empty() {
        first.listen(Duration::from_millis(50)).await;
        second.listen(Duration::from_millis(50)).await;
    }
    for _ in 0..5 {
        first.listen(Duration::from_millis(50)).await;
        second.listen(Duration::from_millis(50)).await;
    }
    assert_eq!(
        second.assigned,
        [],
        "nothing is taken before it is released"
    );
    first.give_back().await;
    while second.assigned.len() < 2 {
        first.listen(Duration::from_millis(50)).await;
        second.listen(Duration::from_millis(50)).await;
        first.give_back().await;
    }
    assert_eq!((first.assigned.len(), second.assigned.len()), (2, 2));
    assert!(set(&first.assigned).is_disjoint(&set(&second.assigned)));
    // What it kept it reads on, without being started again.
    let kept = first.assigned[0].clone();
    publish(bench, &kept, numbers(0, 1)).await;
    first
        .until("what was kept is read on", |first| {
            first.records.iter().any(|record| record.at == kept)
        })
        .await;
    first.member.leave().await;
    second.member.leave().await;
}

pub(super) async fn what_a_member_leaves_behind_goes_to_the_others(bench: &dyn LogBench) {
    let places = topic(bench, 2).await;
    let group = bench.fresh_name();
    let mut first = sole_member(bench, &group, &places).await;
    first.start_all(0).await;
    let mut second = Heard::join(bench, &group, &[name(&places)]).await;
    while second.assigned.is_empty() {
        first.listen(Duration::from_millis(50)).await;
        first.give_back().await;
        second.listen(Duration::from_millis(50)).await;
    }
    first.member.leave().await;
    second
        .until("it has everything", |second| second.assigned.len() == 2)
        .await;
    assert_eq!(set(&second.assigned), set(&places));
    second.member.leave().await;
}

pub(super) async fn pausing_loses_and_doubles_nothing(bench: &dyn LogBench) {
    const COUNT: usize = 3_000;
    let places = topic(bench, 1).await;
    publish(bench, &places[0], numbers(0, COUNT)).await;
    let mut member = sole_member(bench, &bench.fresh_name(), &places).await;
    member.start_all(0).await;
    let mut asked = 0;
    while member.records.len() < COUNT {
        member.member.pause(&places[0], true).await.unwrap();
        // What was handed over before the pause may still be heard.
        while {
            let before = member.records.len();
            member.listen(Duration::from_millis(100)).await;
            member.records.len() > before
        } {}
        let paused = member.records.len();
        member.listen(SOON).await;
        assert_eq!(
            member.records.len(),
            paused,
            "nothing is handed out while it rests"
        );
        member.member.pause(&places[0], false).await.unwrap();
        member
            .until("it reads on", |member| {
                member.records.len() > paused.min(COUNT - 1)
            })
            .await;
        asked += 1;
        assert!(asked < 1_000);
    }
    assert!(member.records.iter().map(value).eq(numbers(0, COUNT)));
    member.member.leave().await;
}

pub(super) async fn a_partition_can_be_started_again_elsewhere(bench: &dyn LogBench) {
    let places = topic(bench, 1).await;
    publish(bench, &places[0], numbers(0, 10)).await;
    let mut member = sole_member(bench, &bench.fresh_name(), &places).await;
    member.start_all(6).await;
    member
        .until("the end is told", |member| !member.ends.is_empty())
        .await;
    assert_eq!(
        member.records.iter().map(value).collect::<Vec<_>>(),
        ["6", "7", "8", "9"]
    );
    member.records.clear();
    member.ends.clear();
    member.start_all(2).await;
    member
        .until("the end is told again", |member| !member.ends.is_empty())
        .await;
    assert!(member.records.iter().map(value).eq(numbers(2, 10)));
    member.member.leave().await;
}

pub(super) async fn reading_on_while_a_group_grows_loses_nothing(bench: &dyn LogBench) {
    const COUNT: usize = 400;
    let places = topic(bench, 4).await;
    for at in &places {
        publish(bench, at, numbers(0, COUNT)).await;
    }
    let group = bench.fresh_name();
    let mut members = vec![sole_member(bench, &group, &places).await];
    members[0].start_all(0).await;
    members.push(Heard::join(bench, &group, &[name(&places)]).await);
    let mut seen: BTreeSet<(TopicPartition, i64)> = BTreeSet::new();
    let mut turns = 0;
    while seen.len() < 4 * COUNT || members[1].assigned.is_empty() {
        for member in &mut members {
            let before = member.assigned.len();
            member.listen(Duration::from_millis(20)).await;
            for at in member.assigned.split_off(before) {
                // Where the other came to, as progress would tell.
                let next = seen
                    .iter()
                    .filter(|(place, _)| *place == at)
                    .map(|(_, offset)| offset + 1)
                    .max()
                    .unwrap_or(0);
                member.member.start(&at, next).await.unwrap();
                member.assigned.push(at);
            }
            for record in member.records.drain(..) {
                assert!(
                    seen.insert((record.at.clone(), record.offset)),
                    "{:?} was read twice",
                    record.at
                );
            }
            member.give_back().await;
        }
        turns += 1;
        assert!(
            turns < 5_000,
            "{} records, {:?}",
            seen.len(),
            members[1].assigned
        );
    }
    for member in members {
        member.member.leave().await;
    }
}
