//! One parked row: whom it owes, and what they say to it today.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_schemas::cloud_event::Reader;
use event_schemas::{Envelope, Metadata};
use futures::future::join_all;
use tokio::time::Instant;

use super::ask::{self, chain};
use super::doubt::event_at;
use super::item::Fault;
use crate::execute::{Execute, Failure, RunToken};
use crate::ports::{EventStore, Parked, Progress, StoreError};
use crate::system::Policy;

/// How long the engine has for what a parked event asks.
const DEADLINE: Duration = Duration::from_secs(10);
/// So often a policy is tried when the engine has no answer.
const ATTEMPTS: u32 = 3;
/// The wait between.
const WAIT: Duration = Duration::from_millis(500);

/// What redriving works with.
pub(super) struct Redrive<'r> {
    pub(super) context: &'r str,
    pub(super) policies: &'r [Arc<Policy>],
    pub(super) progress: &'r dyn Progress,
    pub(super) store: &'r dyn EventStore,
    pub(super) execute: &'r dyn Execute,
}

/// What became of the first row of a key.
pub(super) enum Row {
    /// It owes less than before, or is gone.
    Served { is_gone: bool },
    /// It stays, and why.
    Stays(String),
    /// It stays until there is a binary that knows it.
    Unknown(String),
}

impl Redrive<'_> {
    pub(super) async fn row(&self, row: &Parked) -> Result<Row, StoreError> {
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
            let token = RunToken::of(self.store.source().incarnation);
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
