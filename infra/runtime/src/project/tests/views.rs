//! Reading views.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bench::{Process, TOO_MANY, World, fragile, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::ports::Query;
use crate::project::{Freshness, ViewError, ViewState, Views};

#[tokio::test(start_paused = true)]
async fn who_wrote_reads_it() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    let views = Views::new(&[view], Arc::new(documents), world.store.clone());
    for pieces in 1..=5_u64 {
        let position = world.receive("s1", pieces).await;
        let read = views
            .get("shelves", "s1", Freshness::new(Some(position), None))
            .await
            .unwrap();
        assert!(read.position >= position);
        let shelf: serde_json::Value = serde_json::from_slice(&read.value.unwrap()).unwrap();
        assert_eq!(shelf["events"].as_array().unwrap().len() as u64, pieces);
    }
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_no_longer_than_it_says_and_hears_how_far_the_view_is() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    world.receive("s1", 1).await;
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    super::bench::reach(&documents, &*view, 1).await;
    process.stop().await;

    let views = Views::new(&[view], Arc::new(documents), world.store.clone());
    world.receive("s1", 2).await;
    for (asked, waits) in [(None, 2), (Some(5), 5), (Some(0), 0), (Some(3_600), 30)] {
        let begun = Instant::now();
        let fresh = Freshness::new(Some(2), asked.map(Duration::from_secs));
        let query = Query {
            limit: 5,
            ..Query::default()
        };
        let late = views.page("shelves", &query, fresh).await;
        let told = matches!(
            late,
            Err(ViewError::Behind {
                view: "shelves",
                asked: 2,
                reached: 1,
                stopped: None
            })
        );
        assert!(told, "{late:?}");
        let waited = begun.elapsed();
        let waits = Duration::from_secs(waits);
        assert!(
            waited >= waits && waited < waits + Duration::from_millis(100),
            "{waited:?}"
        );
    }
    let read = views
        .get("shelves", "s1", Freshness::new(Some(1), None))
        .await
        .unwrap();
    assert_eq!(read.position, 1);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_not_stored_is_refused_at_once() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let views = Views::new(&[view], Arc::new(documents), world.store.clone());
    world.receive("s1", 1).await;
    let begun = Instant::now();
    for asked in [2, u64::MAX] {
        let refused = views
            .get("shelves", "s1", Freshness::new(Some(asked), None))
            .await;
        let told =
            matches!(refused, Err(ViewError::BeyondHead { head: 1, asked: was }) if was == asked);
        assert!(told, "{refused:?}");
    }
    assert!(begun.elapsed() < Duration::from_millis(10));
    // One that was stored by another process, and that nobody told us of, is not.
    world.append_untold("s1").await;
    let fresh = Freshness::new(Some(2), Some(Duration::ZERO));
    let building = views.get("shelves", "s1", fresh).await;
    assert!(
        matches!(building, Err(ViewError::Building { .. })),
        "{building:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_view_is_said_to_be_unknown() {
    let world = World::new();
    let views = Views::new(
        &[shelves("shelves", 1)],
        Arc::new(MemoryDocuments::new()),
        world.store.clone(),
    );
    let unknown = views.get("shelfs", "s1", Freshness::default()).await;
    assert!(matches!(unknown, Err(ViewError::Unknown(name)) if name == "shelfs"));
    assert!(matches!(
        views.serving("shelfs").await,
        Err(ViewError::Unknown(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_view_says_so_to_readers() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = fragile("shelves");
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    world.receive("s1", 1).await;
    world.receive("s1", TOO_MANY).await;
    process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    let views = Views::new(&[view], Arc::new(documents), world.store.clone());
    let read = views
        .get("shelves", "s1", Freshness::default())
        .await
        .unwrap();
    assert_eq!(read.position, 1);
    assert_eq!(read.stopped.unwrap().0, 2);
    let late = views
        .get("shelves", "s1", Freshness::new(Some(2), None))
        .await;
    assert!(
        matches!(
            late,
            Err(ViewError::Behind {
                reached: 1,
                stopped: Some((2, _)),
                ..
            })
        ),
        "{late:?}"
    );
    process.stop().await;
}
