//! The hashes of the ledger, byte by byte, so that anyone can repeat them (architecture, section 3).
//!
//! `F(x)` is the length of x as u32 big-endian, then x; integers are i64 big-endian, uuids 16 bytes, texts UTF-8.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::ports::NewEvent;

fn field(hasher: &mut Sha256, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a field is far below 4 GiB");
    hasher.update(length.to_be_bytes());
    hasher.update(bytes);
}

fn integer(hasher: &mut Sha256, number: u64) {
    field(hasher, &number.to_be_bytes());
}

/// What a leaf is made of.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'e> {
    /// The event's id.
    pub event_id: uuid::Uuid,
    /// The aggregate's name.
    pub aggregate: &'e str,
    /// The aggregate's id.
    pub id: &'e str,
    /// Its number in the aggregate.
    pub sequence: u64,
    /// Its name.
    pub name: &'e str,
    /// Its version, as text.
    pub version: &'e str,
    /// The command's id.
    pub command_id: uuid::Uuid,
    /// Which of the command's events it is.
    pub ordinal: u32,
    /// The stored payload bytes.
    pub payload: &'e [u8],
    /// The stored metadata bytes.
    pub metadata: &'e [u8],
}

/// The leaf hash of one event.
#[must_use]
pub fn leaf(event: &Leaf<'_>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    field(&mut hasher, event.event_id.as_bytes());
    field(&mut hasher, event.aggregate.as_bytes());
    field(&mut hasher, event.id.as_bytes());
    integer(&mut hasher, event.sequence);
    field(&mut hasher, event.name.as_bytes());
    field(&mut hasher, event.version.as_bytes());
    field(&mut hasher, event.command_id.as_bytes());
    integer(&mut hasher, u64::from(event.ordinal));
    field(&mut hasher, &Sha256::digest(event.payload));
    field(&mut hasher, &Sha256::digest(event.metadata));
    hasher.finalize().into()
}

/// The leaf hash of a new event with its command's id.
#[must_use]
pub fn leaf_of(event: &NewEvent, command_id: uuid::Uuid) -> [u8; 32] {
    leaf(&Leaf {
        event_id: event.event_id,
        aggregate: &event.stream.aggregate,
        id: &event.stream.id,
        sequence: event.sequence,
        name: &event.name,
        version: &event.version,
        command_id,
        ordinal: event.ordinal,
        payload: &event.payload,
        metadata: &event.metadata,
    })
}

/// The leaf hash of a stored event.
#[must_use]
pub fn leaf_of_stored(event: &event_schemas::Envelope) -> [u8; 32] {
    leaf(&Leaf {
        event_id: event.event_id,
        aggregate: &event.aggregate,
        id: &event.id,
        sequence: event.sequence,
        name: &event.name,
        version: &event.version,
        command_id: event.command_id,
        ordinal: event.command_ordinal,
        payload: &event.payload,
        metadata: &event.metadata,
    })
}

/// The RFC 9162 Merkle tree hash over leaf hashes. A lone last node rises unchanged, which gives the same tree as
/// the RFC's split at the largest power of two.
#[must_use]
pub fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    if leaves.is_empty() {
        return Sha256::digest([]).into();
    }
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Sha256::new()
                    .chain_update([0x01])
                    .chain_update(left)
                    .chain_update(right)
                    .finalize()
                    .into(),
                lone => lone[0],
            })
            .collect();
    }
    level[0]
}

/// A block's chain hash: `SHA-256(previous ‖ first_position ‖ count ‖ recorded_at in µs ‖ root)`.
#[must_use]
pub fn chain(
    previous: &[u8; 32],
    first: u64,
    count: u64,
    recorded_at: DateTime<Utc>,
    root: &[u8; 32],
) -> [u8; 32] {
    Sha256::new()
        .chain_update(previous)
        .chain_update(first.to_be_bytes())
        .chain_update(count.to_be_bytes())
        .chain_update(recorded_at.timestamp_micros().to_be_bytes())
        .chain_update(root)
        .finalize()
        .into()
}

/// The digest of a command's meaning: aggregate, id, name, and the body with its personal fields left out.
#[must_use]
pub fn command(aggregate: &str, id: &str, name: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [aggregate.as_bytes(), id.as_bytes(), name.as_bytes(), body] {
        field(&mut hasher, part);
    }
    hasher.finalize().into()
}
