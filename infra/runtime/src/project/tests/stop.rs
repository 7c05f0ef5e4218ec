//! An event that a view cannot read or fold stops that view just before it, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use kernel::Projection;

use super::bench::{Process, TOO_MANY, World, fragile, is_exact, reach, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::ports::{Documents, ViewStatus};
use crate::project::{ProjectOptions, SkipError, ViewState, definition_of, skip};

/// Twenty events, of which number twelve is the one that breaks fragile shelves.
async fn history(world: &World) {
    for number in 1..=20 {
        let pieces = if number == 12 { TOO_MANY } else { number };
        let sku = if number % 2 == 0 { "s1" } else { "s2" };
        world.receive(sku, pieces).await;
    }
}

async fn status(documents: &MemoryDocuments, view: &dyn Projection) -> ViewStatus {
    documents.status(&definition_of(view)).await.unwrap()
}

async fn stops_at_twelve(options: ProjectOptions, before: bool) {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let (weak, strong) = (fragile("weak"), shelves("strong", 1));
    let views = [weak.clone(), strong.clone()];
    if before {
        history(&world).await;
    }
    let process = Process::start(&world, documents.clone(), &views, options);
    if !before {
        process
            .until("weak", |state| *state == ViewState::Live)
            .await;
        history(&world).await;
    }
    let state = process
        .until("weak", |state| matches!(state, ViewState::Stopped { .. }))
        .await;
    let ViewState::Stopped { position, why } = state else {
        unreachable!()
    };
    assert_eq!(position, 12);
    assert_eq!(why, "panicked: the shelf broke");
    reach(&documents, &*strong, 20).await;
    is_exact(&world, &documents, &*strong).await;
    assert_eq!(is_exact(&world, &documents, &*weak).await, 11);
    let told = status(&documents, &*weak).await.stopped;
    assert_eq!(told, Some((12, why)));
    assert_eq!(status(&documents, &*strong).await.stopped, None);

    // It stays where it is, however often it is tried, and is not written to.
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(is_exact(&world, &documents, &*weak).await, 11);
    process.stop().await;

    // A binary that can fold it goes on from there.
    let repaired = shelves("weak", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&repaired),
        small_steps(2),
    );
    reach(&documents, &*repaired, 20).await;
    is_exact(&world, &documents, &*repaired).await;
    process.stop().await;
    assert_eq!(status(&documents, &*repaired).await.stopped, None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_middle_of_a_batch_stops_the_view_just_before_it() {
    stops_at_twelve(ProjectOptions::default(), false).await;
}

#[tokio::test(start_paused = true)]
async fn so_it_does_in_small_batches() {
    stops_at_twelve(small_steps(1), false).await;
}

#[tokio::test(start_paused = true)]
async fn so_it_does_while_the_view_is_built_by_several_pens() {
    stops_at_twelve(small_steps(1), true).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_this_binary_cannot_read_stops_the_views_that_hear_it() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        ProjectOptions::default(),
    );
    world.receive("s1", 1).await;
    world.append("till", "t1", "TillBurned", b"[]").await;
    world.append("stock", "s1", "StockVanished", b"{}").await;
    world.receive("s1", 2).await;
    let state = process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    let ViewState::Stopped { position, why } = state else {
        unreachable!()
    };
    assert_eq!(position, 3);
    assert!(why.contains("StockVanished"), "{why}");
    assert_eq!(is_exact(&world, &documents, &*view).await, 2);
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_no_longer_of_the_views_shape_stops_it_at_the_event_that_needs_it() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let definition = definition_of(&*view);
    documents.prepare(&definition).await.unwrap();
    let mut lease = documents.lease(&definition).await.unwrap().unwrap();
    let broken = kernel::Change {
        key: "s2".to_owned(),
        position: 1,
        document: Some(b"\"no shelf\"".to_vec()),
        columns: vec![kernel::ColumnValue::Integer(0)],
    };
    world.receive("s2", 1).await;
    lease.commit(0, 1, &[broken]).await.unwrap();
    lease.end().await;
    documents.take_over(&definition).await.unwrap();
    for sku in ["s1", "s1", "s2", "s1"] {
        world.receive(sku, 1).await;
    }
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        ProjectOptions::default(),
    );
    let state = process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    let ViewState::Stopped { position, .. } = state else {
        unreachable!()
    };
    assert_eq!(position, 4);
    assert_eq!(status(&documents, &*view).await.position, 3);
    let read = documents.get(&definition, "s1").await.unwrap();
    let shelf: serde_json::Value = serde_json::from_slice(&read.value.unwrap()).unwrap();
    assert_eq!(shelf["events"], serde_json::json!([2, 3]));
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_skip_the_event_and_nothing_else() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let weak = fragile("weak");
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&weak),
        small_steps(1),
    );
    history(&world).await;
    process
        .until("weak", |state| matches!(state, ViewState::Stopped { .. }))
        .await;
    for wrong in [11, 13, 20] {
        let refused = skip(&*weak, wrong, &documents).await;
        assert!(
            matches!(refused, Err(SkipError::NotStopped { .. })),
            "{refused:?}"
        );
    }
    skip(&*weak, 12, &documents).await.unwrap();
    process.projector.resume("weak");
    reach(&documents, &*weak, 20).await;
    process
        .until("weak", |state| *state == ViewState::Live)
        .await;
    let (_, skipped) = super::bench::whole(&documents, &definition_of(&*weak)).await;
    let mut events = world.events().await;
    events.retain(|event| event.position != 12);
    assert_eq!(skipped, super::bench::expected(&events, 20));
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_binary_leaves_the_view_to_a_new_one() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let old: Arc<dyn Projection> = fragile("weak");
    let new = shelves("weak", 1);
    let first = Process::start(&world, documents.clone(), &[old], small_steps(1));
    first.until("weak", |state| *state == ViewState::Live).await;
    let second = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&new),
        small_steps(2),
    );
    history(&world).await;
    reach(&documents, &*new, 20).await;
    is_exact(&world, &documents, &*new).await;
    assert_eq!(status(&documents, &*new).await.stopped, None);
    first.stop().await;
    second.stop().await;
}
