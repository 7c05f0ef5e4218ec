//! How much was handed over and not taken yet: what decides when reading pauses.

use std::sync::atomic::{AtomicUsize, Ordering};

use jangbu_runtime::ports::LogRecord;

/// With so much handed over and not taken, reading pauses. Pausing throws away what librdkafka has fetched ahead, so it
/// must be rare: high and low lie apart.
pub(super) const HIGH: (usize, usize) = (10_000, 32 * 1024 * 1024);
/// With so little left, it goes on.
pub(super) const LOW: (usize, usize) = (2_000, 8 * 1024 * 1024);

/// Records and bytes that were handed over and not taken yet.
#[derive(Default)]
pub(super) struct Load {
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    pub(super) fn handed(&self, records: &[LogRecord]) {
        self.records.fetch_add(records.len(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes(records), Ordering::Relaxed);
    }

    pub(super) fn taken(&self, records: &[LogRecord]) {
        self.records.fetch_sub(records.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(bytes(records), Ordering::Relaxed);
    }

    pub(super) fn is_above(&self, (records, bytes): (usize, usize)) -> bool {
        self.records.load(Ordering::Relaxed) > records || self.bytes.load(Ordering::Relaxed) > bytes
    }
}

fn bytes(records: &[LogRecord]) -> usize {
    records
        .iter()
        .map(|record| record.value.as_ref().map_or(0, bytes::Bytes::len))
        .sum()
}
