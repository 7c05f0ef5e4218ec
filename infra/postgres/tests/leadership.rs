//! The relay's ledger: one leader, its epoch, its checkpoint, and what its session reads.

mod support;

#[path = "support/entries.rs"]
mod entries;

#[path = "support/sql.rs"]
mod sql;

use std::time::Duration;

use jangbu_postgres::Postgres;
use jangbu_runtime::ports::{
    EventStore, Leadership, PartitionMark, RelayCheckpoint, RelayLedger, StoreError, TopicPartition,
};

use entries::{says, store};
use sql::run;
use support::fresh_place;

const PATIENCE: Duration = Duration::from_secs(20);

fn checkpoint(position: u64) -> RelayCheckpoint {
    let mark = |partition, previous| {
        let at = TopicPartition {
            topic: "jangbu.stock".into(),
            partition,
        };
        (
            at,
            PartitionMark {
                previous,
                offset: 40 + i64::from(partition),
            },
        )
    };
    RelayCheckpoint {
        position,
        partitions: [mark(0, position), mark(11, 3)].into(),
        counts: [("jangbu.stock".to_owned(), 12)].into(),
    }
}

/// Leads as soon as the database has noticed that the last leader is gone.
async fn lead(store: &Postgres) -> Box<dyn Leadership> {
    let led = async {
        loop {
            match store.lead().await {
                Ok(Some(leader)) => return leader,
                Ok(None) | Err(StoreError::Unreachable { .. }) => {
                    tokio::time::sleep(Duration::from_millis(5)).await
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, led)
        .await
        .expect("a leader in good time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_until_it_lets_go() {
    let place = fresh_place(&[]).await;
    let (one, other) = (place.open().await, place.open().await);
    let leader = one.lead().await.unwrap().expect("nobody leads");
    assert!(other.lead().await.unwrap().is_none());
    assert!(
        one.lead().await.unwrap().is_none(),
        "not twice in one process, either"
    );
    drop(leader);
    lead(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_comes_back_as_it_was_written() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    assert_eq!(
        store.checkpoint().await.unwrap(),
        RelayCheckpoint::default()
    );
    let mut leader = lead(&store).await;
    for position in [7, 12] {
        leader.save(&checkpoint(position)).await.unwrap();
        assert_eq!(leader.checkpoint().await.unwrap(), checkpoint(position));
        assert_eq!(
            place.open().await.checkpoint().await.unwrap(),
            checkpoint(position)
        );
    }
    leader
        .note_stopped(Some("a forged record at 5"))
        .await
        .unwrap();
    assert_eq!(
        store.stopped().await.unwrap().as_deref(),
        Some("a forged record at 5")
    );
    leader.note_stopped(None).await.unwrap();
    assert_eq!(store.stopped().await.unwrap(), None);
}

/// Its session is ended, as a restart of the server would; it may not know yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_session_is_gone_leads_no_more() {
    let place = fresh_place(&[]).await;
    let (one, other) = (place.open().await, place.open().await);
    let mut old = lead(&one).await;
    old.save(&checkpoint(7)).await.unwrap();
    let end = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND d.datname = current_database()";
    run(&place.owner_url, end).await.unwrap();
    let mut new = lead(&other).await;
    new.save(&checkpoint(9)).await.unwrap();
    assert!(old.save(&checkpoint(8)).await.is_err());
    assert!(old.read(0, 10).await.is_err());
    assert!(old.checkpoint().await.is_err());
    assert_eq!(other.checkpoint().await.unwrap(), checkpoint(9));
}

/// A pooler or a proxy may keep the session of a leader that lost its lock: the epoch tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_epoch_writes_nothing() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let mut old = lead(&store).await;
    run(&place.owner_url, "UPDATE relay SET epoch = epoch + 1")
        .await
        .unwrap();
    assert!(matches!(
        old.save(&checkpoint(8)).await,
        Err(StoreError::Refused { .. })
    ));
    assert!(matches!(
        old.note_stopped(Some("old news")).await,
        Err(StoreError::Refused { .. })
    ));
    assert_eq!(
        store.checkpoint().await.unwrap(),
        RelayCheckpoint::default()
    );
    assert_eq!(store.stopped().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_reads_the_ledger_on_its_own_session() {
    let place = fresh_place(&[]).await;
    let handle = place.open().await;
    let batch = ["a", "b", "c"].map(|id| says(id, 0));
    store(&mut handle.appender().await.unwrap(), &batch).await;
    let mut leader = lead(&handle).await;
    let tail = leader.read(1, 10).await.unwrap();
    assert_eq!(
        tail.iter().map(|event| event.position).collect::<Vec<_>>(),
        [2, 3]
    );
    let at = leader.events_at(&[3, 1, 99, u64::MAX]).await.unwrap();
    let expected = [
        (1, batch[0].events[0].event_id),
        (3, batch[2].events[0].event_id),
    ];
    assert_eq!(at.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        leader.incarnations().await.unwrap(),
        [handle.source().incarnation]
    );
}
