//! Dying at any point of a build: whatever was written when, nothing is applied twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use super::bench::{World, is_exact, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::memory::store::{Fate, Faults, Operation};
use crate::ports::{Documents, EventStore};
use crate::project::build::build;
use crate::project::write::Writer;
use crate::project::{ProjectOptions, definition_of};

/// The n-th thing asked of the documents fails, and everything after it: before it was done, or after.
struct DiesAt {
    left: AtomicUsize,
    done_all_the_same: bool,
}

impl Faults for DiesAt {
    fn fate(&self, _: Operation) -> Fate {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        match (left, self.done_all_the_same) {
            (0, _) => Fate {
                fails: true,
                ..Fate::default()
            },
            (1, true) => Fate {
                answer_lost: Some(std::time::Duration::ZERO),
                ..Fate::default()
            },
            _ => Fate::default(),
        }
    }
}

/// True if the build came to its end.
async fn attempt(world: &World, documents: &MemoryDocuments, options: &ProjectOptions) -> bool {
    let view = shelves("shelves", 1);
    let definition = definition_of(&*view);
    let Ok(Some(lease)) = documents.lease(&definition).await else {
        return false;
    };
    let Ok(mut writer) = Writer::new(lease).await else {
        return false;
    };
    let store: Arc<dyn EventStore> = world.store.clone();
    build(&*view, &mut writer, &store, options, &mut |_| {})
        .await
        .is_ok()
}

async fn dies_everywhere(done_all_the_same: bool) {
    let world = World::new();
    for number in 1..=40 {
        // Deleted and filled again, so that a tombstone that is missing would be seen.
        let pieces = if number % 3 == 0 { 13 } else { number };
        world.receive(&format!("s{}", number % 4), pieces).await;
    }
    let options = ProjectOptions {
        build_pens: 3,
        ..small_steps(1)
    };
    let view = shelves("shelves", 1);
    for at in 0.. {
        let documents = MemoryDocuments::new();
        documents.prepare(&definition_of(&*view)).await.unwrap();
        let dying = documents.connect(Arc::new(DiesAt {
            left: AtomicUsize::new(at),
            done_all_the_same,
        }));
        let survived = attempt(&world, &dying, &options).await;
        assert!(attempt(&world, &documents, &options).await, "dying at {at}");
        assert!(documents.take_over(&definition_of(&*view)).await.unwrap());
        assert_eq!(
            is_exact(&world, &documents, &*view).await,
            40,
            "dying at {at}"
        );
        if survived {
            assert!(at > 40, "there were {at} points to die at");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_builder_may_die_before_any_step() {
    dies_everywhere(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_builder_may_die_after_any_step() {
    dies_everywhere(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_may_be_cancelled_anywhere_and_begun_again() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    for number in 1..=30 {
        world
            .receive(
                &format!("s{}", number % 4),
                if number % 5 == 0 { 13 } else { number },
            )
            .await;
    }
    let job = crate::project::Rebuild {
        view: shelves("shelves", 1),
        documents: Arc::new(documents.clone()),
        store: world.store.clone(),
        options: small_steps(1),
    };
    for until in [1, 6, 11, 16, 30] {
        let cancel = CancellationToken::new();
        let mut stop = |progress: crate::project::Progress| {
            if progress.position >= until {
                cancel.cancel();
            }
        };
        let _ = crate::project::rebuild(&job, &mut stop, &cancel).await;
    }
    crate::project::rebuild(&job, &mut |_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(is_exact(&world, &documents, &*job.view).await, 30);
}
