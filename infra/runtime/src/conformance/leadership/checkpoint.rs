//! Rules of the checkpoint.

use super::LedgerBench;
use super::bench::{append, lead};
use crate::ports::{PartitionMark, RelayCheckpoint, TopicPartition};

fn checkpoint(position: u64) -> RelayCheckpoint {
    let at = |topic: &str, partition| TopicPartition {
        topic: topic.into(),
        partition,
    };
    RelayCheckpoint {
        position,
        partitions: [
            (
                at("jangbu.stock", 0),
                PartitionMark {
                    previous: position,
                    offset: 17,
                },
            ),
            (
                at("jangbu.stock", 11),
                PartitionMark {
                    previous: 1,
                    offset: i64::MAX,
                },
            ),
            (at("jangbu.order", 0), PartitionMark::default()),
        ]
        .into(),
        counts: [
            ("jangbu.stock".to_owned(), 12),
            ("jangbu.order".to_owned(), 1),
        ]
        .into(),
    }
}

pub(super) async fn it_begins_at_nothing(bench: &impl LedgerBench) {
    assert_eq!(
        bench.one().checkpoint().await.unwrap(),
        RelayCheckpoint::default()
    );
    let mut leader = lead(bench.one().as_ref()).await;
    assert_eq!(
        leader.checkpoint().await.unwrap(),
        RelayCheckpoint::default()
    );
}

pub(super) async fn it_is_read_as_it_was_written(bench: &impl LedgerBench) {
    append(bench.store().as_ref(), 3).await;
    let mut leader = lead(bench.one().as_ref()).await;
    for position in [2, 3, 0] {
        leader.save(&checkpoint(position)).await.unwrap();
        assert_eq!(leader.checkpoint().await.unwrap(), checkpoint(position));
        assert_eq!(
            bench.other().checkpoint().await.unwrap(),
            checkpoint(position)
        );
    }
    leader.save(&RelayCheckpoint::default()).await.unwrap();
    assert_eq!(
        bench.other().checkpoint().await.unwrap(),
        RelayCheckpoint::default(),
        "it is written whole"
    );
}

pub(super) async fn it_outlives_its_leader(bench: &impl LedgerBench) {
    append(bench.store().as_ref(), 3).await;
    lead(bench.one().as_ref())
        .await
        .save(&checkpoint(3))
        .await
        .unwrap();
    assert_eq!(
        lead(bench.other().as_ref())
            .await
            .checkpoint()
            .await
            .unwrap(),
        checkpoint(3)
    );
}
