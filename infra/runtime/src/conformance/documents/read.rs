//! Reading: every answer says which state it is of, and whoever waits is woken.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{prepared, put, shadow, shelf};
use crate::ports::{Documents, Query, ViewStatus};

/// Longer than any store takes, so that a wait which ends earlier was woken.
const LONG: Duration = Duration::from_secs(20);

pub async fn an_answer_bears_its_position(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    let empty = documents.get(&shelf(1), "a").await.unwrap();
    assert_eq!((empty.value, empty.position), (None, 0));
    lease.commit(0, 8, &[put("a", 3, 1)]).await.unwrap();
    assert_eq!(documents.get(&shelf(1), "a").await.unwrap().position, 8);
    assert_eq!(documents.get(&shelf(1), "z").await.unwrap().position, 8);
    let query = Query {
        limit: 10,
        ..Query::default()
    };
    assert_eq!(documents.page(&shelf(1), &query).await.unwrap().position, 8);
}

pub async fn a_stop_is_told_with_every_answer_until_it_is_over(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 8, &[put("a", 3, 1)]).await.unwrap();
    lease
        .note_stopped(Some((9, "cannot read it")))
        .await
        .unwrap();
    let stopped = Some((9, "cannot read it".to_owned()));
    assert_eq!(
        documents.get(&shelf(1), "a").await.unwrap().stopped,
        stopped
    );
    let query = Query {
        limit: 10,
        ..Query::default()
    };
    assert_eq!(
        documents.page(&shelf(1), &query).await.unwrap().stopped,
        stopped
    );
    let status = ViewStatus {
        position: 8,
        stopped,
    };
    assert_eq!(documents.status(&shelf(1)).await.unwrap(), status);
    lease.note_stopped(None).await.unwrap();
    assert_eq!(documents.get(&shelf(1), "a").await.unwrap().stopped, None);
    assert_eq!(documents.status(&shelf(1)).await.unwrap().stopped, None);
}

pub async fn reach_answers_at_once_where_it_is_reached(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 8, &[]).await.unwrap();
    let begun = Instant::now();
    assert_eq!(documents.reach(&shelf(1), 7, LONG).await.unwrap(), 8);
    assert_eq!(documents.reach(&shelf(1), 8, LONG).await.unwrap(), 8);
    assert!(begun.elapsed() < LONG);
}

pub async fn reach_wakes_when_the_checkpoint_comes(documents: Arc<dyn Documents>) {
    let mut lease = prepared(&*documents, &shelf(1)).await;
    let begun = Instant::now();
    let view = shelf(1);
    let (reached, ()) = tokio::join!(documents.reach(&view, 5, LONG), async {
        lease.commit(0, 4, &[]).await.unwrap();
        tokio::task::yield_now().await;
        lease.commit(4, 6, &[put("a", 6, 1)]).await.unwrap();
    });
    assert_eq!(reached.unwrap(), 6);
    assert!(begun.elapsed() < LONG, "it was woken, not timed out");
}

pub async fn reach_gives_up_and_says_how_far_it_is(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 3, &[]).await.unwrap();
    let wait = Duration::from_millis(50);
    let begun = Instant::now();
    assert_eq!(documents.reach(&shelf(1), 4, wait).await.unwrap(), 3);
    assert!(begun.elapsed() >= wait);
}

pub async fn reach_wakes_when_a_shadow_takes_over(documents: Arc<dyn Documents>) {
    let standing = prepared(&*documents, &shelf(1)).await;
    assert!(documents.take_over(&shelf(1)).await.unwrap());
    let begun = Instant::now();
    let view = shelf(1);
    let (reached, ()) = tokio::join!(documents.reach(&view, 5, LONG), async {
        let mut dark = prepared(&*documents, &shadow(1)).await;
        dark.commit(0, 5, &[]).await.unwrap();
        assert!(documents.take_over(&shadow(1)).await.unwrap());
        dark.end().await;
    });
    assert_eq!(reached.unwrap(), 5);
    assert!(begun.elapsed() < LONG, "it was woken, not timed out");
    standing.end().await;
}
