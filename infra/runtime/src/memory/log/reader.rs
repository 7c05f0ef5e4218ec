//! A reader in memory.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{LogOperation, MemoryLog, away, unknown};
use crate::ports::{LogError, LogReader, LogRecord, TopicPartition};

pub(super) struct MemoryReader {
    log: MemoryLog,
    places: Vec<(TopicPartition, i64)>,
    /// The place that is read first next time, so that none starves.
    first: usize,
    breaks: u64,
}

impl MemoryReader {
    pub(super) fn open(log: MemoryLog, from: &[(TopicPartition, i64)]) -> Result<Self, LogError> {
        let (places, breaks) = {
            let state = log.state();
            let place = |(at, offset): &(TopicPartition, i64)| {
                let partition = state.partition(at).ok_or_else(|| unknown("read", at))?;
                Ok((at.clone(), partition.clamp(*offset)))
            };
            (
                from.iter()
                    .map(place)
                    .collect::<Result<Vec<_>, LogError>>()?,
                state.breaks,
            )
        };
        Ok(Self {
            log,
            places,
            first: 0,
            breaks,
        })
    }

    /// Whatever is there, at most `limit`; whether a place moved.
    fn take(&mut self, into: &mut Vec<LogRecord>, limit: usize) -> Result<bool, LogError> {
        let state = self.log.state();
        if state.breaks != self.breaks {
            self.breaks = state.breaks;
            return Err(away("read".to_owned()));
        }
        let mut moved = false;
        let mut left = limit;
        let count = self.places.len();
        for turn in 0..count {
            let (at, offset) = &mut self.places[(self.first + turn) % count];
            let Some(partition) = state.partition(at) else {
                continue;
            };
            let start = partition.clamp(*offset);
            moved |= start != *offset;
            *offset = start;
            for (here, record) in partition.from(start) {
                if let Some(record) = record {
                    if left == 0 {
                        break;
                    }
                    left -= 1;
                    into.push(record.clone());
                }
                *offset = here + 1;
                moved = true;
            }
        }
        self.first = self.first.wrapping_add(1);
        Ok(moved)
    }
}

#[async_trait]
impl LogReader for MemoryReader {
    async fn next(
        &mut self,
        into: &mut Vec<LogRecord>,
        limit: usize,
        wait: Duration,
    ) -> Result<(), LogError> {
        let deadline = Instant::now() + wait;
        self.log
            .enter(LogOperation::Read, || "read".to_owned())
            .await?;
        let mut changes = self.log.changes();
        while !self.take(into, limit)? && self.log.wait(&mut changes, deadline).await {}
        Ok(())
    }

    fn position(&self, at: &TopicPartition) -> Option<i64> {
        self.places
            .iter()
            .find(|(place, _)| place == at)
            .map(|(_, offset)| *offset)
    }
}
