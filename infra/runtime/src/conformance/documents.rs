//! What every store of documents must keep, rule by rule; each rule gets a fresh store.
#![expect(
    clippy::unwrap_used,
    reason = "a suite for tests fails where it stands"
)]

mod build;
mod lease;
mod page;
mod read;

use std::sync::Arc;

use kernel::{Change, ColumnKind, ColumnValue};

use crate::ports::{Documents, Lease, ViewDefinition};

/// Runs every rule, each on a store of its own.
pub async fn all<F, Fut>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Documents>>,
{
    lease::one_holds_the_lease_until_it_is_ended(&*fresh().await).await;
    lease::a_dropped_lease_is_free_again(&*fresh().await).await;
    lease::leases_of_versions_and_shadows_are_apart(&*fresh().await).await;
    lease::a_commit_moves_documents_and_checkpoint_together(&*fresh().await).await;
    lease::a_commit_from_elsewhere_is_lost_and_writes_nothing(&*fresh().await).await;
    lease::a_commit_without_changes_moves_the_checkpoint(&*fresh().await).await;
    lease::a_deleted_document_is_gone_and_can_come_again(&*fresh().await).await;
    lease::preparing_again_keeps_what_is_there(&*fresh().await).await;

    read::an_answer_bears_its_position(&*fresh().await).await;
    read::a_stop_is_told_with_every_answer_until_it_is_over(&*fresh().await).await;
    read::reach_answers_at_once_where_it_is_reached(&*fresh().await).await;
    read::reach_wakes_when_the_checkpoint_comes(fresh().await).await;
    read::reach_gives_up_and_says_how_far_it_is(&*fresh().await).await;
    read::reach_wakes_when_a_shadow_takes_over(fresh().await).await;

    page::pages_run_through_every_document_once_by_key(&*fresh().await).await;
    page::pages_run_through_ties_and_missing_values_in_both_directions(&*fresh().await).await;
    page::bounds_hold_on_every_kind_of_column(&*fresh().await).await;
    page::bounds_and_order_go_together(&*fresh().await).await;
    page::an_undeclared_column_is_refused(&*fresh().await).await;

    build::pens_write_ahead_of_the_checkpoint(&*fresh().await).await;
    build::a_pen_never_goes_back(&*fresh().await).await;
    build::a_deletion_by_a_pen_leaves_a_tombstone_that_readers_never_see(&*fresh().await).await;
    build::pens_of_an_earlier_lease_are_outdated(&*fresh().await).await;
    build::the_first_version_takes_over_from_nobody(&*fresh().await).await;
    build::a_version_behind_does_not_take_over(&*fresh().await).await;
    build::a_shadow_takes_the_place_of_its_version(&*fresh().await).await;
    build::a_shadow_behind_does_not_take_over(&*fresh().await).await;
    build::a_cleared_view_starts_from_nothing_under_the_same_lease(&*fresh().await).await;
}

/// A view with a column of each kind.
fn shelf(version: u32) -> ViewDefinition {
    ViewDefinition {
        name: "shelf",
        version,
        columns: vec![
            ("title", ColumnKind::Text),
            ("count", ColumnKind::Integer),
            ("open", ColumnKind::Boolean),
            ("since", ColumnKind::Time),
        ],
        shadow: false,
    }
}

fn shadow(version: u32) -> ViewDefinition {
    ViewDefinition {
        shadow: true,
        ..shelf(version)
    }
}

async fn prepared(documents: &dyn Documents, view: &ViewDefinition) -> Box<dyn Lease> {
    documents.prepare(view).await.unwrap();
    leased(documents, view).await.expect("the lease is free")
}

async fn leased(documents: &dyn Documents, view: &ViewDefinition) -> Option<Box<dyn Lease>> {
    documents.lease(view).await.unwrap()
}

/// A document whose only value of note is its count.
fn put(key: &str, position: u64, count: i64) -> Change {
    change(
        key,
        position,
        [
            ColumnValue::Text(format!("title of {key}")),
            ColumnValue::Integer(count),
            ColumnValue::Boolean(count > 0),
            ColumnValue::None,
        ],
    )
}

fn change(key: &str, position: u64, columns: [ColumnValue; 4]) -> Change {
    Change {
        key: key.to_owned(),
        position,
        document: Some(body(key, position)),
        columns: columns.into(),
    }
}

fn deleted(key: &str, position: u64) -> Change {
    Change {
        key: key.to_owned(),
        position,
        document: None,
        columns: Vec::new(),
    }
}

/// Spaces and key order that a normalising type would lose: a document is kept byte for byte or as equal JSON.
fn body(key: &str, position: u64) -> Vec<u8> {
    format!(r#"{{"key":"{key}","at":{position}}}"#).into_bytes()
}

/// Documents are compared as JSON: an adapter may keep them in a type that writes them its own way.
fn same(document: Option<&[u8]>, key: &str, position: u64) -> bool {
    let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    document.is_some_and(|document| parse(document) == parse(&body(key, position)))
}

async fn get(documents: &dyn Documents, view: &ViewDefinition, key: &str) -> Option<Vec<u8>> {
    documents.get(view, key).await.unwrap().value
}
