//! Rules of what a leader reads.

use std::collections::BTreeMap;

use super::LedgerBench;
use super::bench::{append, lead};

pub(super) async fn events_come_in_order_and_bounded(bench: &impl LedgerBench) {
    append(bench.store().as_ref(), 7).await;
    let mut leader = lead(bench.one().as_ref()).await;
    let mut read = Vec::new();
    loop {
        let after = read.len() as u64;
        let events = leader.read(after, 3).await.unwrap();
        assert!(events.len() <= 3);
        if events.is_empty() {
            break;
        }
        read.extend(events);
    }
    assert!(read.iter().map(|event| event.position).eq(1..=7));
    assert_eq!(
        read,
        bench.store().read(0, 100).await.unwrap(),
        "byte for byte what the store holds"
    );
}

pub(super) async fn events_stored_by_others_are_seen(bench: &impl LedgerBench) {
    let mut leader = lead(bench.one().as_ref()).await;
    assert_eq!(leader.read(0, 10).await.unwrap(), []);
    append(bench.store().as_ref(), 2).await;
    assert_eq!(leader.read(0, 10).await.unwrap().len(), 2);
    assert_eq!(leader.read(2, 10).await.unwrap(), []);
    assert_eq!(
        leader.read(900, 10).await.unwrap(),
        [],
        "beyond the head is nothing"
    );
}

pub(super) async fn stored_positions_are_told_apart_from_others(bench: &impl LedgerBench) {
    let ids = append(bench.store().as_ref(), 5).await;
    let mut leader = lead(bench.one().as_ref()).await;
    let stored = leader.events_at(&[2, 5, 6, 4_000_000_000]).await.unwrap();
    assert_eq!(stored, BTreeMap::from([(2, ids[1]), (5, ids[4])]));
    assert_eq!(leader.events_at(&[]).await.unwrap(), BTreeMap::new());
    let many: Vec<_> = (1..=2_000).collect();
    assert_eq!(leader.events_at(&many).await.unwrap().len(), 5);
}

pub(super) async fn the_newest_incarnation_is_the_stores(bench: &impl LedgerBench) {
    let mut leader = lead(bench.one().as_ref()).await;
    let incarnations = leader.incarnations().await.unwrap();
    assert_eq!(
        incarnations.last(),
        Some(&bench.store().source().incarnation)
    );
}
