//! Rules of leading.

use super::LedgerBench;
use super::bench::{append, lead};
use crate::ports::RelayCheckpoint;

pub(super) async fn one_leads_and_nobody_else_until_it_ends(bench: &impl LedgerBench) {
    let first = lead(bench.one().as_ref()).await;
    assert!(bench.other().lead().await.unwrap().is_none());
    assert!(
        bench.one().lead().await.unwrap().is_none(),
        "not even the same process twice"
    );
    drop(first);
    let _second = lead(bench.other().as_ref()).await;
    assert!(bench.one().lead().await.unwrap().is_none());
}

pub(super) async fn a_broken_session_frees_leadership(bench: &impl LedgerBench) {
    let _first = lead(bench.one().as_ref()).await;
    bench.break_the_leader().await;
    lead(bench.other().as_ref()).await;
}

pub(super) async fn who_led_before_can_do_nothing_any_more(bench: &impl LedgerBench) {
    append(bench.store().as_ref(), 3).await;
    let mut first = lead(bench.one().as_ref()).await;
    bench.break_the_leader().await;
    let mut second = lead(bench.other().as_ref()).await;
    let newer = RelayCheckpoint {
        position: 2,
        ..RelayCheckpoint::default()
    };
    second.save(&newer).await.unwrap();
    let older = RelayCheckpoint {
        position: 1,
        ..RelayCheckpoint::default()
    };
    assert!(first.save(&older).await.is_err());
    assert!(
        first.read(0, 10).await.is_err(),
        "it hears that it leads no more when it reads"
    );
    assert!(
        first
            .note_stopped(Some("it is not for me to say"))
            .await
            .is_err()
    );
    assert_eq!(second.checkpoint().await.unwrap(), newer);
    assert_eq!(bench.one().stopped().await.unwrap(), None);
}

pub(super) async fn a_stop_is_told_to_everybody_until_it_is_taken_back(bench: &impl LedgerBench) {
    let mut leader = lead(bench.one().as_ref()).await;
    assert_eq!(bench.other().stopped().await.unwrap(), None);
    let why = "topic jangbu.stock was wiped; run `jangbu repair kafka`";
    leader.note_stopped(Some(why)).await.unwrap();
    drop(leader);
    assert_eq!(bench.other().stopped().await.unwrap().as_deref(), Some(why));
    lead(bench.other().as_ref())
        .await
        .note_stopped(None)
        .await
        .unwrap();
    assert_eq!(bench.one().stopped().await.unwrap(), None);
}
