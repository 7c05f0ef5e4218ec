//! Redriving: parked events of a key are reacted to again, in order, with today's code.
//!
//! The ledger decides who goes first: a row goes only when nobody is owed, under the lock that a lane takes to put an
//! event behind it. So a lane that finds nothing to stand behind knows that all before it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use event_schemas::cloud_event::Reader;
use event_schemas::{Envelope, Metadata};
use futures::future::join_all;
use tokio::time::Instant;

use super::ask::{self, chain};
use super::lane::Fault;
use super::refill::event_at;
use super::{Dependencies, Reacting};
use crate::execute::{Execute, Failure, RunToken};
use crate::ports::{EventStore, Parked, Progress, StoreError};
use crate::system::{ContextDefinition, Policy};

/// How long the engine has for what a parked event asks.
const DEADLINE: Duration = Duration::from_secs(10);
/// So often a policy is tried when the engine has no answer.
const ATTEMPTS: u32 = 3;
/// The wait between.
const WAIT: Duration = Duration::from_millis(500);
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
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            context = context.name,
            error,
            "parked events cannot be looked at now"
        );
        0
    })
}

struct Redrive<'r> {
    context: &'r str,
    policies: &'r [Arc<Policy>],
    progress: &'r dyn Progress,
    store: &'r dyn EventStore,
    execute: &'r dyn Execute,
}

/// What became of the first row of a key.
enum Row {
    /// It owes less than before, or is gone.
    Served { is_gone: bool },
    /// It stays, and why.
    Stays(String),
    /// It stays until there is a binary that knows it.
    Unknown(String),
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

    async fn row(&self, row: &Parked) -> Result<Row, StoreError> {
        let told = match self.read(row).await? {
            Ok(told) => told,
            Err(why) => return Ok(Row::Stays(why)),
        };
        let is_known = self.policies.iter().any(|policy| {
            policy.hears().0 == &*told.aggregate
                && policy
                    .heard_list()
                    .iter()
                    .any(|known| known.name == &*told.name)
        });
        if !is_known {
            let why = format!("{} has no event named {:?} here", told.aggregate, told.name);
            return Ok(Row::Unknown(why));
        }
        let owed = match self.owed(row, &told).await? {
            Ok(owed) => owed,
            Err(why) => return Ok(Row::Stays(why)),
        };
        self.serve(row, &told, &owed).await
    }

    /// The event of a row, if it is still one of the store's.
    async fn read(&self, row: &Parked) -> Result<Result<Envelope, String>, StoreError> {
        let record = &row.record;
        let read = Reader::new().read(record.key.as_deref(), record.value.clone(), |name| {
            record.header(name)
        });
        let received = match read {
            Ok(received) => received,
            Err(error) => return Ok(Err(chain(&error))),
        };
        let told = received.envelope;
        let is_of_this_history = received.source.incarnation == self.store.source().incarnation
            || event_at(self.store, told.position).await? == Some(told.event_id);
        Ok(if is_of_this_history {
            Ok(told)
        } else {
            Err("the event belongs to a history that was restored away".to_owned())
        })
    }

    /// Whom a row owes. Where that could not be told when it was parked, it is told now and noted: whoever listens to
    /// the event, was registered before it, and has been led past it. A policy that has not come there yet is not
    /// served ahead of its lane: the row waits for it.
    async fn owed(
        &self,
        row: &Parked,
        told: &Envelope,
    ) -> Result<Result<Vec<String>, String>, StoreError> {
        if !row.unknown {
            return Ok(Ok(row.owed.clone()));
        }
        let starts = self.progress.starts(self.context).await?;
        let starts: BTreeMap<_, _> = starts.into_iter().collect();
        let at = std::slice::from_ref(&row.record.at);
        let marks = self.progress.marks(self.context, at).await?;
        let mut late = Vec::new();
        for policy in self.policies {
            let name = policy.name();
            let start = starts.get(name).copied();
            let listens = policy.listens(&told.aggregate, &told.name);
            if !listens
                || row.owed.iter().any(|owed| owed == name)
                || start.is_none_or(|start| start >= told.position)
            {
                continue;
            }
            let mark = marks.iter().find(|mark| mark.policy == name);
            if mark.is_none_or(|mark| mark.position < told.position) {
                return Ok(Err(format!("{name} has not come to it yet")));
            }
            late.push(name.to_owned());
        }
        if !late.is_empty() {
            self.progress.owe(row.number, &late).await?;
        }
        Ok(Ok([row.owed.clone(), late].concat()))
    }

    async fn serve(
        &self,
        row: &Parked,
        told: &Envelope,
        owed: &[String],
    ) -> Result<Row, StoreError> {
        let metadata = told.read_metadata();
        let mut served = Vec::new();
        let mut stays = None;
        for name in owed {
            let Some(policy) = self.policies.iter().find(|policy| policy.name() == name) else {
                let why = format!("{name} is owed, which this binary does not know");
                stays.get_or_insert(Row::Stays(why));
                continue;
            };
            // A policy that no longer listens to it is not owed it any more.
            let outcome = if policy.listens(&told.aggregate, &told.name) {
                self.ask(policy, told, &metadata).await
            } else {
                Ok(())
            };
            match outcome {
                Ok(()) => served.push(name.clone()),
                Err(Fault::Never {
                    why,
                    is_unknown: true,
                }) => {
                    stays.get_or_insert(Row::Unknown(why));
                }
                Err(Fault::Never { why, .. }) => {
                    stays.get_or_insert(Row::Stays(why));
                }
                Err(Fault::Again(failure)) => {
                    stays.get_or_insert(Row::Stays(failure.to_string()));
                }
            }
        }
        let is_gone = if served.is_empty() && stays.is_some() {
            false
        } else {
            self.progress.served(row.number, &served).await?
        };
        Ok(stays.unwrap_or(Row::Served { is_gone }))
    }

    /// One policy's reaction, stored whole or not.
    async fn ask(
        &self,
        policy: &Policy,
        told: &Envelope,
        metadata: &Metadata,
    ) -> Result<(), Fault> {
        let mut attempt = 1;
        loop {
            let token = RunToken::new();
            let deadline = Instant::now() + DEADLINE;
            let asked = ask::submissions(self.context, policy, told, metadata, &token, deadline)?;
            let pending: Vec<_> = asked
                .into_iter()
                .map(|submission| self.execute.submit(submission))
                .collect();
            let failed = join_all(pending).await.into_iter().filter_map(Result::err);
            match failed.map(Fault::of).max_by_key(Fault::weight) {
                None => return Ok(()),
                Some(Fault::Again(
                    Failure::Overloaded
                    | Failure::Unavailable
                    | Failure::Late
                    | Failure::OutcomeUnknown,
                )) if attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(WAIT).await;
                }
                Some(fault) => return Err(fault),
            }
        }
    }
}
