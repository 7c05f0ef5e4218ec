//! Building a view while another one serves: pens, tombstones, shadows and the take-over.

use std::collections::BTreeSet;

use super::{deleted, get, leased, prepared, put, same, shadow, shelf};
use crate::ports::{Documents, Lease, LeaseError, Pen, Query};

/// Pens, where the adapter gives any.
async fn pens(lease: &mut Box<dyn Lease>) -> Option<Vec<Box<dyn Pen>>> {
    let pens = lease.pens(2).await.unwrap();
    (!pens.is_empty()).then_some(pens)
}

pub async fn pens_write_ahead_of_the_checkpoint(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    let Some(mut pens) = pens(&mut lease).await else {
        return;
    };
    assert!(pens.len() <= 2);
    for (at, pen) in (1_u64..).zip(&mut pens) {
        pen.write(&[put(&format!("key {at}"), at, 1)])
            .await
            .unwrap();
    }
    assert_eq!(
        lease.position().await.unwrap(),
        0,
        "the checkpoint waits for all pens"
    );
    let found = pens[0]
        .documents(&BTreeSet::from(["key 1".to_owned()]))
        .await
        .unwrap();
    assert_eq!(found["key 1"].position, 1);
    let count = u64::try_from(pens.len()).unwrap();
    lease.commit(0, count, &[]).await.unwrap();
    assert_eq!(documents.position(&shelf(1)).await.unwrap(), count);
}

pub async fn a_pen_never_goes_back(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(1)).await;
    let Some(mut pens) = pens(&mut lease).await else {
        return;
    };
    pens[0].write(&[put("a", 5, 5)]).await.unwrap();
    pens[0]
        .write(&[put("a", 3, 3), put("b", 3, 3)])
        .await
        .unwrap();
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        5
    ));
    assert!(same(
        get(documents, &shelf(1), "b").await.as_deref(),
        "b",
        3
    ));
    pens[0]
        .write(&[deleted("a", 4), deleted("b", 4)])
        .await
        .unwrap();
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        5
    ));
    assert_eq!(get(documents, &shelf(1), "b").await, None);
}

pub async fn a_deletion_by_a_pen_leaves_a_tombstone_that_readers_never_see(
    documents: &dyn Documents,
) {
    let mut lease = prepared(documents, &shelf(1)).await;
    let Some(mut pens) = pens(&mut lease).await else {
        return;
    };
    pens[0]
        .write(&[put("a", 1, 1), put("b", 2, 1), deleted("never", 3)])
        .await
        .unwrap();
    pens[0].write(&[deleted("a", 4)]).await.unwrap();
    let keys: BTreeSet<String> = ["a", "never"].map(str::to_owned).into();
    for found in [
        pens[0].documents(&keys).await.unwrap(),
        lease.documents(&keys).await.unwrap(),
    ] {
        assert_eq!((found["a"].position, &found["a"].document), (4, &None));
        assert_eq!(
            (found["never"].position, &found["never"].document),
            (3, &None)
        );
    }
    assert_eq!(get(documents, &shelf(1), "a").await, None);
    let query = Query {
        limit: 10,
        ..Query::default()
    };
    let page = documents.page(&shelf(1), &query).await.unwrap().value;
    assert_eq!(
        page.rows.iter().map(|row| &*row.key).collect::<Vec<_>>(),
        ["b"]
    );

    lease.commit(0, 4, &[]).await.unwrap();
    assert!(documents.take_over(&shelf(1)).await.unwrap());
    assert!(
        lease.documents(&keys).await.unwrap().is_empty(),
        "tombstones go with the take-over"
    );
    assert!(same(
        get(documents, &shelf(1), "b").await.as_deref(),
        "b",
        2
    ));
}

pub async fn pens_of_an_earlier_lease_are_outdated(documents: &dyn Documents) {
    let mut first = prepared(documents, &shelf(1)).await;
    let Some(mut pens) = pens(&mut first).await else {
        return;
    };
    first.end().await;
    let second = leased(documents, &shelf(1)).await.expect("it is free");
    let late = pens[0].write(&[put("a", 9, 9)]).await;
    assert!(matches!(late, Err(LeaseError::Lost)), "{late:?}");
    assert_eq!(get(documents, &shelf(1), "a").await, None);
    second.end().await;
}

pub async fn the_first_version_takes_over_from_nobody(documents: &dyn Documents) {
    let mut lease = prepared(documents, &shelf(2)).await;
    assert_eq!(documents.current("shelf").await.unwrap(), None);
    lease.commit(0, 3, &[put("a", 3, 1)]).await.unwrap();
    assert!(documents.take_over(&shelf(2)).await.unwrap());
    assert_eq!(documents.current("shelf").await.unwrap(), Some(2));
    assert_eq!(documents.current("another").await.unwrap(), None);
    assert!(
        documents.take_over(&shelf(2)).await.unwrap(),
        "again changes nothing"
    );
    lease.commit(3, 4, &[put("b", 4, 1)]).await.unwrap();
}

pub async fn a_version_behind_does_not_take_over(documents: &dyn Documents) {
    let mut one = prepared(documents, &shelf(1)).await;
    assert!(documents.take_over(&shelf(1)).await.unwrap());
    one.commit(0, 5, &[put("a", 5, 1)]).await.unwrap();
    let mut two = prepared(documents, &shelf(2)).await;
    two.commit(0, 4, &[put("a", 4, 1)]).await.unwrap();
    assert!(!documents.take_over(&shelf(2)).await.unwrap());
    assert_eq!(documents.current("shelf").await.unwrap(), Some(1));
    two.commit(4, 5, &[put("a", 5, 2)]).await.unwrap();
    assert!(documents.take_over(&shelf(2)).await.unwrap());
    assert_eq!(documents.current("shelf").await.unwrap(), Some(2));
    // The old one stays, and may be followed on by binaries that know only it.
    one.commit(5, 6, &[put("b", 6, 1)]).await.unwrap();
    assert_eq!(documents.current("shelf").await.unwrap(), Some(2));
}

pub async fn a_shadow_takes_the_place_of_its_version(documents: &dyn Documents) {
    let mut standing = prepared(documents, &shelf(1)).await;
    assert!(documents.take_over(&shelf(1)).await.unwrap());
    standing
        .commit(0, 5, &[put("a", 5, 1), put("wrong", 5, 1)])
        .await
        .unwrap();
    standing.note_stopped(Some((6, "broken"))).await.unwrap();

    let mut dark = prepared(documents, &shadow(1)).await;
    dark.commit(0, 7, &[put("a", 7, 7)]).await.unwrap();
    assert!(
        same(get(documents, &shelf(1), "a").await.as_deref(), "a", 5),
        "nothing is seen of it yet"
    );
    assert!(documents.take_over(&shadow(1)).await.unwrap());
    dark.end().await;

    let read = documents.get(&shelf(1), "a").await.unwrap();
    assert!(same(read.value.as_deref(), "a", 7));
    assert_eq!((read.position, read.stopped), (7, None));
    assert_eq!(get(documents, &shelf(1), "wrong").await, None);
    assert_eq!(documents.current("shelf").await.unwrap(), Some(1));
    let behind = standing.commit(5, 8, &[put("a", 8, 8)]).await;
    assert!(matches!(behind, Err(LeaseError::Lost)), "{behind:?}");
    standing.end().await;
    let mut again = leased(documents, &shelf(1)).await.expect("it is free");
    assert_eq!(again.position().await.unwrap(), 7);
    again.commit(7, 8, &[put("a", 8, 8)]).await.unwrap();
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        8
    ));

    // And once more: the shadow starts from nothing.
    let mut dark = prepared(documents, &shadow(1)).await;
    assert_eq!(dark.position().await.unwrap(), 0);
    assert!(
        dark.documents(&BTreeSet::from(["a".to_owned()]))
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_shadow_behind_does_not_take_over(documents: &dyn Documents) {
    let mut standing = prepared(documents, &shelf(1)).await;
    standing.commit(0, 5, &[put("a", 5, 1)]).await.unwrap();
    let mut dark = prepared(documents, &shadow(1)).await;
    dark.commit(0, 4, &[put("a", 4, 4)]).await.unwrap();
    assert!(!documents.take_over(&shadow(1)).await.unwrap());
    assert!(same(
        get(documents, &shelf(1), "a").await.as_deref(),
        "a",
        5
    ));
    dark.commit(4, 5, &[put("a", 5, 1)]).await.unwrap();
    assert!(documents.take_over(&shadow(1)).await.unwrap());
    dark.end().await;
    // It stood equal: whoever follows the first one notices nothing.
    standing.commit(5, 6, &[put("b", 6, 1)]).await.unwrap();
    assert_eq!(documents.position(&shelf(1)).await.unwrap(), 6);
}

pub async fn a_cleared_view_starts_from_nothing_under_the_same_lease(documents: &dyn Documents) {
    let mut dark = prepared(documents, &shadow(1)).await;
    dark.commit(0, 5, &[put("a", 5, 1)]).await.unwrap();
    dark.note_stopped(Some((6, "broken"))).await.unwrap();
    documents.clear(&shadow(1)).await.unwrap();
    assert_eq!(dark.position().await.unwrap(), 0);
    assert_eq!(documents.status(&shadow(1)).await.unwrap().stopped, None);
    assert!(
        dark.documents(&BTreeSet::from(["a".to_owned()]))
            .await
            .unwrap()
            .is_empty()
    );
    dark.commit(0, 1, &[put("b", 1, 1)]).await.unwrap();
}
