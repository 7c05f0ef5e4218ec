//! The rooms of views: documents, checkpoint and state of each `(view, version)` and of shadows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kernel::{Change, ColumnKind, ColumnValue, Found};

use super::refused;
use crate::ports::{Read, StoreError, ViewDefinition};

/// Name, version, shadow.
pub(super) type RoomKey = (&'static str, u32, bool);

pub(super) fn key_of(view: &ViewDefinition) -> RoomKey {
    (view.name, view.version, view.shadow)
}

/// Everything that is kept of views, as a backup holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms {
    rooms: BTreeMap<RoomKey, Room>,
    /// The version of each view that readers see.
    current: BTreeMap<&'static str, u32>,
}

/// One `(view, version)`, or its shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) position: u64,
    pub(super) stopped: Option<(u64, String)>,
    /// The session that last took the lease: pens of an earlier one are outdated.
    pub(super) session: u64,
    pub(super) columns: Vec<(&'static str, ColumnKind)>,
    pub(super) documents: BTreeMap<String, Kept>,
}

/// One document, or the tombstone of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) position: u64,
    pub(super) document: Option<Vec<u8>>,
    pub(super) columns: Vec<ColumnValue>,
}

impl Rooms {
    /// Whoever has a pen now has it of an earlier session than this.
    pub(super) fn break_pens(&mut self, session: u64) {
        for room in self.rooms.values_mut() {
            room.session = session;
        }
    }

    pub(super) fn prepare(&mut self, view: &ViewDefinition) {
        let room = self.rooms.entry(key_of(view)).or_default();
        room.columns.clone_from(&view.columns);
    }

    pub(super) fn room(&self, key: &RoomKey) -> Result<&Room, StoreError> {
        self.rooms.get(key).ok_or_else(|| unprepared(key))
    }

    pub(super) fn room_mut(&mut self, key: &RoomKey) -> Result<&mut Room, StoreError> {
        self.rooms.get_mut(key).ok_or_else(|| unprepared(key))
    }

    pub(super) fn current(&self, name: &str) -> Option<u32> {
        self.current.get(name).copied()
    }

    /// See [`crate::ports::Documents::take_over`].
    pub(super) fn take_over(&mut self, key: &RoomKey) -> Result<bool, StoreError> {
        let &(name, version, shadow) = key;
        let standing = match shadow {
            true => Some(version),
            false => self.current(name),
        };
        let standing = standing
            .and_then(|version| self.rooms.get(&(name, version, false)))
            .map_or(0, |room| room.position);
        let new = self.room_mut(key)?;
        if new.position < standing {
            return Ok(false);
        }
        new.documents.retain(|_, kept| kept.document.is_some());
        if shadow {
            let shadow = self.rooms.remove(key).ok_or_else(|| unprepared(key))?;
            self.rooms.insert((name, version, false), shadow);
        } else {
            self.current.insert(name, version);
        }
        Ok(true)
    }
}

impl Room {
    pub(super) fn read<T>(&self, value: T) -> Read<T> {
        Read {
            value,
            position: self.position,
            stopped: self.stopped.clone(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.position = 0;
        self.stopped = None;
        self.documents.clear();
    }

    pub(super) fn found(&self, keys: &BTreeSet<String>) -> HashMap<String, Found> {
        let found = keys.iter().filter_map(|key| {
            let kept = self.documents.get(key)?;
            let found = Found {
                position: kept.position,
                document: kept.document.clone(),
            };
            Some((key.clone(), found))
        });
        found.collect()
    }

    /// A commit's changes: a deletion is one for good, as the checkpoint passes it.
    pub(super) fn put(&mut self, changes: &[Change]) {
        for change in changes {
            if change.document.is_some() {
                self.documents.insert(change.key.clone(), kept(change));
            } else {
                self.documents.remove(&change.key);
            }
        }
    }

    /// A pen's changes: only those above what stands, and a deletion leaves a tombstone.
    pub(super) fn put_ahead(&mut self, changes: &[Change]) {
        for change in changes {
            let stands = self.documents.get(&change.key);
            if stands.is_none_or(|stands| stands.position < change.position) {
                self.documents.insert(change.key.clone(), kept(change));
            }
        }
    }
}

fn kept(change: &Change) -> Kept {
    Kept {
        position: change.position,
        document: change.document.clone(),
        columns: change.columns.clone(),
    }
}

fn unprepared((name, version, _): &RoomKey) -> StoreError {
    refused(format!(
        "there is no room for view {name} version {version}"
    ))
}
