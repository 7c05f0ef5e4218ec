//! Rules of topics.

use super::LogBench;
use super::bench::{publish, topic, until};
use crate::ports::{Edges, TopicSpec};

pub(super) async fn a_missing_topic_has_no_partitions(bench: &dyn LogBench) {
    let names = [bench.fresh_name()];
    for _ in 0..2 {
        assert_eq!(
            bench.log().partitions(&names).await.unwrap(),
            [None],
            "asking creates nothing"
        );
    }
}

pub(super) async fn creating_makes_what_is_missing_and_leaves_the_rest(bench: &dyn LogBench) {
    let there = topic(bench, 2).await;
    publish(bench, &there[1], ["kept".to_owned()]).await;
    let (old, new) = (there[0].topic.to_string(), bench.fresh_name());
    let spec = |name: &String, partitions| TopicSpec {
        name: name.clone(),
        partitions,
    };
    bench
        .log()
        .create(&[spec(&old, 5), spec(&new, 3)])
        .await
        .unwrap();
    let names = [old, new];
    until("both topics are told of", async || {
        bench.log().partitions(&names).await.unwrap() == [Some(2), Some(3)]
    })
    .await;
    assert_eq!(
        bench.log().edges(&there[1..]).await.unwrap(),
        [Edges { low: 0, high: 1 }]
    );
}
