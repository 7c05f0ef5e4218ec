//! Loading: aggregates come into memory, many in one query, without holding up those that are there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use crate::ports::{EventStore, Load, LoadFrom, Loaded, StoreError, Turn};
use crate::system::{Instance, Kind};

/// How long to wait for a turn at a contended aggregate before going without.
const TURN_WAIT: Duration = Duration::from_secs(1);
/// No state has this schema: a load that asks for it takes no snapshot.
const NO_SNAPSHOT: [u8; 32] = [0; 32];

/// An aggregate in memory, and where it stands.
pub(super) struct Fetched {
    pub(super) instance: Box<dyn Instance>,
    pub(super) version: u64,
    /// Version and size of the snapshot it began from.
    pub(super) snapshot: (u64, u64),
}

/// Why an aggregate cannot be had.
#[derive(Clone, Debug)]
pub(super) enum Unloadable {
    /// History was restored under us.
    Forked(String),
    /// The store, or this binary, cannot read it.
    Broken(String),
}

/// Loads aggregates from scratch; tries until the store answers. One result each, in the order asked.
pub(super) async fn load(
    store: Arc<dyn EventStore>,
    wanted: Vec<(Load, Arc<dyn Kind>)>,
) -> Vec<Result<Fetched, Unloadable>> {
    let loads: Vec<Load> = wanted.iter().map(|(load, _)| load.clone()).collect();
    let loaded = match ask(&*store, &loads).await {
        Ok(loaded) => loaded,
        Err(why) => return loads.iter().map(|_| Err(why.clone())).collect(),
    };
    let mut fetched = Vec::with_capacity(loaded.len());
    for (loaded, (_, kind)) in loaded.into_iter().zip(&wanted) {
        fetched.push(match build(loaded, &**kind) {
            Err(NotBuilt::OldSnapshot(load)) => match ask(&*store, &[load]).await {
                Ok(mut again) => match again.pop().map(|loaded| build(loaded, &**kind)) {
                    Some(Ok(fetched)) => Ok(fetched),
                    Some(Err(NotBuilt::Broken(why))) => Err(Unloadable::Broken(why)),
                    Some(Err(NotBuilt::OldSnapshot(_))) | None => Err(Unloadable::Broken(
                        "the store gave a snapshot that was not asked for".to_owned(),
                    )),
                },
                Err(why) => Err(why),
            },
            Err(NotBuilt::Broken(why)) => Err(Unloadable::Broken(why)),
            Ok(fetched) => Ok(fetched),
        });
    }
    fetched
}

/// Takes a turn at a contended aggregate, then brings its state up to date: from what is in memory if there is any.
pub(super) async fn take_turn(
    store: Arc<dyn EventStore>,
    scratch: Load,
    kind: Arc<dyn Kind>,
    held: Option<Fetched>,
) -> (Option<Box<dyn Turn>>, Result<Fetched, Unloadable>) {
    let turn = store
        .turn(&scratch.stream, TURN_WAIT)
        .await
        .unwrap_or_else(|error| {
            tracing::debug!(%error, stream = %scratch.stream, "no turn; going without");
            None
        });
    if let Some(held) = held {
        let load = Load {
            stream: scratch.stream.clone(),
            from: LoadFrom::After {
                version: held.version,
            },
        };
        match ask(&*store, &[load]).await.map(|mut loaded| loaded.pop()) {
            Ok(Some(loaded)) if loaded.version >= held.version => {
                let built = catch_up(held, &loaded).map_err(Unloadable::Broken);
                return (turn, built);
            }
            // The store has less than we thought: only what it has counts.
            Ok(_) => {}
            Err(why) => return (turn, Err(why)),
        }
    }
    let mut fetched = load(store, vec![(scratch, kind)]).await;
    let fetched = fetched
        .pop()
        .unwrap_or_else(|| Err(Unloadable::Broken("nothing was loaded".to_owned())));
    (turn, fetched)
}

async fn ask(store: &dyn EventStore, loads: &[Load]) -> Result<Vec<Loaded>, Unloadable> {
    let mut backoff = Backoff::default();
    loop {
        match store.load(loads).await {
            Ok(loaded) => return Ok(loaded),
            Err(error @ StoreError::Forked { .. }) => {
                return Err(Unloadable::Forked(error.to_string()));
            }
            Err(error @ StoreError::Refused { .. }) => {
                return Err(Unloadable::Broken(error.to_string()));
            }
            Err(error) => {
                tracing::warn!(%error, aggregates = loads.len(), "aggregates cannot be loaded yet")
            }
        }
        backoff.wait().await;
    }
}

enum NotBuilt {
    /// The snapshot is not of today's shape after all: load this instead.
    OldSnapshot(Load),
    Broken(String),
}

fn build(loaded: Loaded, kind: &dyn Kind) -> Result<Fetched, NotBuilt> {
    let (instance, snapshot) = match &loaded.snapshot {
        None => (kind.blank(), (0, 0)),
        Some(snapshot) => match kind.restore(&snapshot.state) {
            Some(instance) => (instance, (snapshot.version, snapshot.state.len() as u64)),
            None => {
                return Err(NotBuilt::OldSnapshot(Load {
                    stream: loaded.stream,
                    from: LoadFrom::Scratch {
                        schema: NO_SNAPSHOT,
                    },
                }));
            }
        },
    };
    let fetched = Fetched {
        instance,
        version: snapshot.0,
        snapshot,
    };
    catch_up(fetched, &loaded).map_err(NotBuilt::Broken)
}

/// Takes in the loaded events. A gap, an event this binary cannot read, or a fold that panics: it cannot be had.
fn catch_up(mut fetched: Fetched, loaded: &Loaded) -> Result<Fetched, String> {
    for event in &loaded.events {
        if event.sequence != fetched.version + 1 {
            return Err(format!(
                "{} jumps from {} to {}",
                loaded.stream, fetched.version, event.sequence
            ));
        }
        let applied = catch_unwind(AssertUnwindSafe(|| fetched.instance.apply(event)));
        match applied {
            Ok(Ok(())) => fetched.version = event.sequence,
            Ok(Err(error)) => {
                return Err(format!(
                    "{} event {}: {error}",
                    loaded.stream, event.sequence
                ));
            }
            Err(panic) => {
                let why = crate::panic_message(&*panic);
                return Err(format!(
                    "{} event {}: apply panicked: {why}",
                    loaded.stream, event.sequence
                ));
            }
        }
    }
    Ok(fetched)
}
