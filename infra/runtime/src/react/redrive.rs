//! Redriving: parked events of a key are reacted to again, in order, with today's code.
//!
//! The ledger decides who goes first: a row goes only when nobody is owed, under the lock that a lane takes to put an
//! event behind it. So a lane that finds nothing to stand behind knows that all before it is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::chain;
use super::parked_row::{Redrive, Row};
use super::{Dependencies, Reacting};
use crate::execute::Execute;
use crate::ports::{EventStore, Parked, Progress, StoreError};
use crate::system::ContextDefinition;

/// So many rows are looked through for keys that this binary has come to know.
const ROWS: usize = 1_000;

/// What a redrive did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Rows that went.
    pub served: usize,
    /// Where each key stopped that could not be redriven whole.
    pub left: Vec<Left>,
}

/// A parked event that stays, and with it all behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its topic.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// Its position.
    pub position: u64,
    /// Why it stays.
    pub why: String,
}

/// Redrives what is parked in a context: of one key (topic, key), or of all. Each key goes as far as its first event
/// that fails again. Safe beside running lanes and beside other redrives.
///
/// # Errors
/// The ledger or the store gave no answer; what was served until then is noted.
pub async fn redrive(
    context: &ContextDefinition,
    progress: &dyn Progress,
    store: &dyn EventStore,
    execute: &dyn Execute,
    key: Option<(&str, &str)>,
) -> Result<Redriven, StoreError> {
    let keys = match key {
        Some((topic, key)) => vec![(topic.to_owned(), key.to_owned())],
        None => progress.parked_keys(context.name()).await?,
    };
    let redrive = Redrive {
        context: context.name(),
        policies: context.policies(),
        progress,
        store,
        execute,
    };
    let mut redriven = Redriven::default();
    for (topic, key) in keys {
        let of_key = redrive.key(&topic, &key, false).await?;
        redriven.served += of_key.served;
        redriven.left.extend(of_key.left);
    }
    Ok(redriven)
}

/// Redrives those of the keys whose first event was unknown and is known now. How many rows went.
pub(super) async fn unknown(
    context: &Reacting,
    with: &Dependencies,
    ours: &BTreeSet<(Arc<str>, Arc<str>)>,
) -> usize {
    let redrive = Redrive {
        context: context.name,
        policies: &context.policies,
        progress: &*with.progress,
        store: &*with.store,
        execute: &*with.execute,
    };
    let found = redrive.unknown(ours).await;
    found.unwrap_or_else(|error| {
        let error = chain(&error);
        tracing::warn!(
            context = context.name,
            error,
            "parked events cannot be looked at now"
        );
        0
    })
}

impl Redrive<'_> {
    async fn unknown(&self, ours: &BTreeSet<(Arc<str>, Arc<str>)>) -> Result<usize, StoreError> {
        let rows = self.progress.parked(self.context, None, ROWS).await?;
        let keys: BTreeSet<_> = rows
            .into_iter()
            .filter(|row| row.unknown)
            .map(|row| (Arc::from(row.topic), Arc::from(row.key)))
            .filter(|key| ours.contains(key))
            .collect();
        let mut served = 0;
        for (topic, key) in keys {
            let of_key = self.key(&topic, &key, true).await?;
            served += of_key.served;
        }
        Ok(served)
    }

    /// One key as far as it goes; only if its first event was unknown when it was parked, where that is asked.
    async fn key(
        &self,
        topic: &str,
        key: &str,
        only_if_unknown: bool,
    ) -> Result<Redriven, StoreError> {
        let mut redriven = Redriven::default();
        let mut is_first = true;
        loop {
            let rows = self
                .progress
                .parked(self.context, Some((topic, key)), 1)
                .await?;
            let Some(row) = rows.into_iter().next() else {
                return Ok(redriven);
            };
            if std::mem::take(&mut is_first) && only_if_unknown && !row.unknown {
                return Ok(redriven);
            }
            let why = match self.row(&row).await? {
                Row::Served { is_gone } => {
                    redriven.served += usize::from(is_gone);
                    continue;
                }
                Row::Stays(why) => why,
                Row::Unknown(why) => {
                    self.note_unknown(&row).await?;
                    why
                }
            };
            redriven.left.push(Left {
                topic: row.topic,
                key: row.key,
                position: row.position,
                why,
            });
            return Ok(redriven);
        }
    }

    /// A binary that knows it shall redrive it by itself.
    async fn note_unknown(&self, row: &Parked) -> Result<(), StoreError> {
        if row.unknown {
            return Ok(());
        }
        let row = Parked {
            unknown: true,
            ..row.clone()
        };
        self.progress.park_behind(&row).await.map(|_| ())
    }
}
