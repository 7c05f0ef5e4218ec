//! Rebuilding the same version while it serves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bench::{
    Process, TOO_MANY, World, expected, fragile, is_exact, reach, receive_some, shelves,
    small_steps, whole,
};
use crate::memory::documents::MemoryDocuments;
use crate::ports::{Documents, ViewDefinition};
use crate::project::{ProjectOptions, Rebuild, RebuildError, ViewState, definition_of, rebuild};

fn job(world: &World, documents: &MemoryDocuments, version: u32) -> Rebuild {
    Rebuild {
        view: shelves("shelves", version),
        documents: Arc::new(documents.clone()),
        store: world.store.clone(),
        options: ProjectOptions {
            build_events_per_second: Some(500),
            ..small_steps(9)
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_beside_live_traffic_gives_identical_documents_and_shows_nothing_half_built() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    receive_some(&world, 200).await;
    reach(&documents, &*view, 200).await;

    let job = job(&world, &documents, 1);
    let mut seen = BTreeSet::new();
    let mut told = |progress: crate::project::Progress| {
        assert!(progress.position <= progress.goal);
        seen.insert(progress.position);
    };
    let cancel = CancellationToken::new();
    let done = CancellationToken::new();
    let rebuilding = async {
        let position = rebuild(&job, &mut told, &cancel).await.unwrap();
        done.cancel();
        position
    };
    let traffic = async {
        while !done.is_cancelled() {
            receive_some(&world, 3).await;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let reading = async {
        let mut last = 0;
        let mut reads = 0;
        while !done.is_cancelled() {
            let position = is_exact(&world, &documents, &*view).await;
            assert!(
                position >= last,
                "readers went back from {last} to {position}"
            );
            (last, reads) = (position, reads + 1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reads
    };
    let (position, (), reads) = tokio::join!(rebuilding, traffic, reading);
    assert!(position > 200, "events came in meanwhile");
    assert!(reads > 100, "{reads}");
    assert!(seen.len() > 10, "progress was told: {seen:?}");

    // And the one that serves goes on in the new documents.
    receive_some(&world, 10).await;
    let head = world.events().await.len() as u64;
    reach(&documents, &*view, head).await;
    is_exact(&world, &documents, &*view).await;
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_repairs_what_was_wrong_and_ends_a_stop() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let old = fragile("shelves");
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&old),
        small_steps(1),
    );
    receive_some(&world, 20).await;
    world.receive("s1", TOO_MANY).await;
    receive_some(&world, 5).await;
    process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    process.stop().await;

    let job = job(&world, &documents, 1);
    let position = rebuild(&job, &mut |_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(position, 26);
    assert_eq!(is_exact(&world, &documents, &*job.view).await, 26);
    let status = documents.status(&definition_of(&*job.view)).await.unwrap();
    assert_eq!(status.stopped, None);
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_cannot_be_finished_leaves_everything_as_it_was() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    receive_some(&world, 20).await;
    world.receive("s1", TOO_MANY).await;
    reach(&documents, &*view, 21).await;
    let broken = Rebuild {
        view: fragile("shelves"),
        ..job(&world, &documents, 1)
    };
    let failed = rebuild(&broken, &mut |_| {}, &CancellationToken::new()).await;
    assert!(
        matches!(failed, Err(RebuildError::Stopped { position: 21, .. })),
        "{failed:?}"
    );

    let cancel = CancellationToken::new();
    let whole_job = job(&world, &documents, 1);
    let mut stop_soon = |progress: crate::project::Progress| {
        if progress.position > 8 {
            cancel.cancel();
        }
    };
    let failed = rebuild(&whole_job, &mut stop_soon, &cancel).await;
    assert!(matches!(failed, Err(RebuildError::Cancelled)), "{failed:?}");
    assert_eq!(is_exact(&world, &documents, &*view).await, 21);

    // What is left of those does not disturb the next one.
    rebuild(&whole_job, &mut |_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(is_exact(&world, &documents, &*view).await, 21);
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_rebuilds_at_a_time() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    receive_some(&world, 50).await;
    let (first, second) = (job(&world, &documents, 1), job(&world, &documents, 1));
    let cancel = CancellationToken::new();
    let (mut quiet, mut also_quiet) = (|_| {}, |_| {});
    let (first, second) = tokio::join!(
        rebuild(&first, &mut quiet, &cancel),
        rebuild(&second, &mut also_quiet, &cancel)
    );
    assert_eq!(first.unwrap(), 50);
    assert!(
        matches!(second, Err(RebuildError::AlreadyRebuilding { .. })),
        "{second:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shadow_is_the_same_fold_however_it_was_built() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    receive_some(&world, 120).await;
    for (pens, batch) in [(1, 1), (1, 1_000), (2, 9), (5, 3)] {
        let mut job = job(&world, &documents, 1);
        job.options.build_pens = pens;
        job.options.build_batch_events = batch;
        job.options.build_events_per_second = None;
        rebuild(&job, &mut |_| {}, &CancellationToken::new())
            .await
            .unwrap();
        let definition: ViewDefinition = definition_of(&*job.view);
        let (position, shelves) = whole(&documents, &definition).await;
        assert_eq!(
            (position, shelves),
            (120, expected(&world.events().await, 120))
        );
    }
}
