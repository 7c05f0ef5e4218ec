//! Folding a batch of events, and finding the one event that cannot be folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use event_schemas::Envelope;
use kernel::{Batch, Change, Found, Projection};

use crate::panic_message;

/// An event that a view cannot read or fold, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) position: u64,
    pub(super) why: String,
}

/// Events that were decoded, up to the first that could not be.
pub(super) struct Heard<'v> {
    pub(super) batch: Box<dyn Batch + 'v>,
    /// The documents they touch.
    pub(super) keys: BTreeSet<String>,
    /// So many events are in the batch, or passed over.
    pub(super) count: usize,
    pub(super) stop: Option<Stop>,
}

impl Heard<'_> {
    /// Nothing is to be written but that the view has seen them.
    pub(super) fn touches_nothing(&self) -> bool {
        self.keys.is_empty() && self.stop.is_none()
    }
}

/// Decodes events.
pub(super) fn hear<'v>(view: &'v dyn Projection, events: &[Arc<Envelope>]) -> Heard<'v> {
    let mut count = events.len();
    let mut stop = None;
    loop {
        let mut batch = view.batch();
        match hear_all(&mut *batch, &events[..count]) {
            Ok(()) => {
                return Heard {
                    keys: batch.keys(),
                    batch,
                    count,
                    stop,
                };
            }
            // Part of the failed event may be in the batch: hear those before it once more.
            Err((at, why)) => {
                let position = events[at].position;
                stop = Some(Stop { position, why });
                count = at;
            }
        }
    }
}

/// Decodes events; which one cannot be, and why. Part of that one may be in the batch.
pub(super) fn hear_all(
    batch: &mut dyn Batch,
    events: &[Arc<Envelope>],
) -> Result<(), (usize, String)> {
    for (at, event) in events.iter().enumerate() {
        guarded(|| batch.hear(event).map_err(|error| chain(&error))).map_err(|why| (at, why))?;
    }
    Ok(())
}

/// Folds what was heard.
pub(super) fn fold(
    batch: Box<dyn Batch + '_>,
    found: HashMap<String, Found>,
) -> Result<Vec<Change>, String> {
    guarded(|| batch.fold(found).map_err(|error| chain(&error)))
}

/// Folds what was heard, and keeps the documents at hand.
pub(super) fn take_in(batch: &mut dyn Batch, found: HashMap<String, Found>) -> Result<(), String> {
    guarded(|| batch.take_in(found).map_err(|error| chain(&error)))
}

/// Folds events one after the other, up to the first that cannot be: the slow way that tells which one it is.
pub(super) fn fold_singly(
    view: &dyn Projection,
    events: &[Arc<Envelope>],
    mut found: HashMap<String, Found>,
) -> (Vec<Change>, Option<Stop>) {
    let mut changes = BTreeMap::new();
    for event in events {
        match guarded(|| fold_event(view, event, &found)) {
            Ok(new) => {
                for change in new {
                    let now = Found {
                        position: change.position,
                        document: change.document.clone(),
                    };
                    found.insert(change.key.clone(), now);
                    changes.insert(change.key.clone(), change);
                }
            }
            Err(why) => {
                let position = event.position;
                return (
                    changes.into_values().collect(),
                    Some(Stop { position, why }),
                );
            }
        }
    }
    (changes.into_values().collect(), None)
}

fn fold_event(
    view: &dyn Projection,
    event: &Envelope,
    found: &HashMap<String, Found>,
) -> Result<Vec<Change>, String> {
    let mut batch = view.batch();
    batch.hear(event).map_err(|error| chain(&error))?;
    let touched = batch
        .keys()
        .into_iter()
        .filter_map(|key| found.get_key_value(&key))
        .map(|(key, found)| (key.clone(), found.clone()))
        .collect();
    batch.fold(touched).map_err(|error| chain(&error))
}

/// A view's code runs in here: what it throws stops that view, and nothing else.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(format!("panicked: {}", panic_message(&*panic))))
}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
