//! The lease: one writer, and a checkpoint that moves with the documents or not at all.

use std::collections::BTreeSet;

use kernel::Found;

use super::{deleted, get, leased, prepared, put, same, shadow, shelf};
use crate::ports::{Documents, LeaseError};

pub async fn one_holds_the_lease_until_it_is_ended(documents: &dyn Documents) {
    let first = prepared(documents, &shelf(1)).await;
    assert!(leased(documents, &shelf(1)).await.is_none());
    first.end().await;
    assert!(leased(documents, &shelf(1)).await.is_some());
}

pub async fn a_dropped_lease_is_free_again(documents: &dyn Documents) {
    drop(prepared(documents, &shelf(1)).await);
    // A database notices within moments that a session is gone.
    let free = async {
        loop {
            if leased(documents, &shelf(1)).await.is_some() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), free)
        .await
        .expect("a dropped lease is free within seconds");
}

pub async fn leases_of_versions_and_shadows_are_apart(documents: &dyn Documents) {
    let mut one = prepared(documents, &shelf(1)).await;
    let mut two = prepared(documents, &shelf(2)).await;
    let mut dark = prepared(documents, &shadow(1)).await;
    one.commit(0, 1, &[put("a", 1, 1)]).await.unwrap();
    two.commit(0, 2, &[put("a", 2, 1)]).await.unwrap();
    dark.commit(0, 3, &[put("a", 3, 1)]).await.unwrap();
    assert_eq!(one.position().await.unwrap(), 1);
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        1
    ));
    assert!(same(
        get(documents, &shelf(2), "a").await.as_deref(),
        "a",
        2
    ));
}

pub async fn a_commit_moves_documents_and_checkpoint_together(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    assert_eq!(lease.position().await.unwrap(), 0);
    let changes = [put("a", 3, 1), put("b", 5, 2)];
    lease.commit(0, 7, &changes).await.unwrap();
    assert_eq!(lease.position().await.unwrap(), 7);
    assert_eq!(documents.position(&shelf(1)).await.unwrap(), 7);
    let keys: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
    let found = lease.documents(&keys).await.unwrap();
    assert_eq!(found.len(), 2);
    for (key, position) in [("a", 3), ("b", 5)] {
        let Found {
            position: at,
            document,
        } = &found[key];
        assert_eq!(*at, position);
        assert!(same(document.as_deref(), key, position));
    }
}

pub async fn a_commit_from_elsewhere_is_lost_and_writes_nothing(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 5, &[put("a", 5, 1)]).await.unwrap();
    for from in [0, 4, 6] {
        let outcome = lease
            .commit(from, 9, &[put("a", 9, 9), put("b", 9, 9)])
            .await;
        assert!(matches!(outcome, Err(LeaseError::Lost)), "{outcome:?}");
    }
    lease.end().await;
    assert_eq!(documents.position(&shelf(1)).await.unwrap(), 5);
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        5
    ));
    assert_eq!(get(documents, &shelf(1), "b").await, None);
}

pub async fn a_commit_without_changes_moves_the_checkpoint(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 4, &[]).await.unwrap();
    assert_eq!(lease.position().await.unwrap(), 4);
}

pub async fn a_deleted_document_is_gone_and_can_come_again(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 1, &[put("a", 1, 1)]).await.unwrap();
    lease
        .commit(1, 2, &[deleted("a", 2), deleted("never", 2)])
        .await
        .unwrap();
    assert_eq!(get(documents, &shelf(1), "a").await, None);
    let keys = BTreeSet::from(["a".to_owned()]);
    let found = lease.documents(&keys).await.unwrap();
    assert!(found.values().all(|found| found.document.is_none()));
    lease.commit(2, 3, &[put("a", 3, 1)]).await.unwrap();
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        3
    ));
}

pub async fn preparing_again_keeps_what_is_there(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    lease.commit(0, 1, &[put("a", 1, 1)]).await.unwrap();
    documents.prepare(&shelf(1)).await.unwrap();
    assert_eq!(lease.position().await.unwrap(), 1);
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        1
    ));
}
