//! What speaks against publishing: records that bear our name and are not what the store holds.

use std::fmt::Write;

use uuid::Uuid;

use crate::ports::TopicPartition;

/// So many records are named; the others are counted.
const NAMED: usize = 10;

/// A record that contradicts the store.
#[derive(Debug)]
pub(super) struct Contradiction {
    pub(super) at: TopicPartition,
    pub(super) offset: i64,
    pub(super) position: u64,
    pub(super) event_id: Uuid,
    pub(super) kind: Kind,
}

/// In what it contradicts.
#[derive(Debug)]
pub(super) enum Kind {
    /// The store holds this event there, or none.
    NotStored(Option<Uuid>),
    /// It was written by another incarnation, beyond what this one has published.
    OtherIncarnation(Uuid),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    named: Vec<Contradiction>,
    count: usize,
    positions: Option<(u64, u64)>,
}

impl Evidence {
    pub(super) fn add(&mut self, found: Contradiction) {
        self.count += 1;
        let (low, high) = self.positions.unwrap_or((found.position, found.position));
        self.positions = Some((low.min(found.position), high.max(found.position)));
        if self.named.len() < NAMED {
            self.named.push(found);
        }
    }

    /// What to tell whoever repairs it; none if nothing was found.
    pub(super) fn verdict(&self) -> Option<String> {
        let (low, high) = self.positions?;
        let mut text = format!(
            "{} records in the log bear this store's name and are not its events (positions {low} to {high}): history \
             was forked by a restored database or a fail-over, or somebody forged our name",
            self.count
        );
        for found in &self.named {
            let Contradiction {
                at,
                offset,
                position,
                event_id,
                kind,
            } = found;
            let _ = write!(
                text,
                "; topic {} partition {} offset {offset} says position {position} is event {event_id}, ",
                at.topic, at.partition
            );
            let _ = match kind {
                Kind::NotStored(Some(stored)) => write!(text, "the store has {stored} there"),
                Kind::NotStored(None) => write!(text, "the store has none there"),
                Kind::OtherIncarnation(other) => write!(text, "of incarnation {other}"),
            };
        }
        if self.count > self.named.len() {
            let _ = write!(text, "; and {} more", self.count - self.named.len());
        }
        text.push_str(". If the store's history is the one to keep, run `jangbu repair fork`; it begins a new incarnation");
        Some(text)
    }
}
