//! Verifying the ledger: every event and every block is hashed anew, the way anybody can (architecture, section 3).

use std::fmt;

use chrono::{DateTime, Utc};
use event_schemas::{Envelope, Source};
use jangbu_runtime::hash;
use jangbu_runtime::ports::{EventStore, StoreError};
use serde::Serialize;
use sqlx::query;

use crate::envelope::{envelope_columns, get, number};
use crate::postgres::Postgres;
use crate::session::Session;

/// Blocks of one read.
const BLOCKS: i64 = 2_000;
/// Events of one read; a block of very many is read in several.
const EVENTS: i64 = 5_000;

/// What was verified, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The store and its incarnation.
    pub source: Source,
    /// Events whose hash was recomputed and found right.
    pub events: u64,
    /// Blocks whose root and chain were recomputed and found right.
    pub blocks: u64,
    /// The chain hash of the last block that was right, in hex: it stands for all of history up to there.
    pub chain: String,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The position at which it shows.
    pub position: u64,
    /// In words.
    pub what: String,
}

impl Report {
    /// True if nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "store   {}", self.source)?;
        writeln!(f, "events  {} verified", self.events)?;
        writeln!(f, "blocks  {} verified", self.blocks)?;
        writeln!(f, "chain   {}", self.chain)?;
        match &self.fault {
            None => write!(f, "result  sound"),
            Some(fault) => write!(
                f,
                "result  BROKEN at position {}: {}",
                fault.position, fault.what
            ),
        }
    }
}

struct Block {
    first: u64,
    last: u64,
    recorded_at: DateTime<Utc>,
    root: Vec<u8>,
    chain: Vec<u8>,
}

/// Verifies the whole ledger as of now: positions are dense, every leaf, root and chain is what it must be, time never
/// runs back, and no aggregate has a gap. `progress` hears the position reached and the head.
///
/// # Errors
/// The store gave no answer. What is wrong with the ledger is no error but the report's fault.
pub async fn verify(
    store: &Postgres,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, StoreError> {
    let head = store.head().await?.position;
    let mut report = Report {
        source: store.source(),
        events: 0,
        blocks: 0,
        chain: hex(&[0; 32]),
        fault: None,
    };
    let mut session = store.shared.door.planning_anew().open().await?;
    // Events cut off at the end leave their blocks behind.
    let head = head.max(last_sealed(&mut session).await?);
    let mut verifier = Verifier {
        store,
        session: &mut session,
        report: &mut report,
        chain: [0; 32],
        newest: DateTime::UNIX_EPOCH,
    };
    let fault = verifier.run(head, &mut progress).await?;
    report.fault = fault;
    if report.fault.is_none() {
        report.fault = gap(&mut session).await?;
    }
    session.close().await;
    Ok(report)
}

struct Verifier<'v> {
    store: &'v Postgres,
    session: &'v mut Session,
    report: &'v mut Report,
    chain: [u8; 32],
    newest: DateTime<Utc>,
}

impl Verifier<'_> {
    async fn run(
        &mut self,
        head: u64,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<Option<Fault>, StoreError> {
        while self.report.events < head {
            let blocks = self.blocks().await?;
            if blocks.is_empty() {
                return Ok(fault(
                    self.report.events + 1,
                    "the event belongs to no block",
                ));
            }
            for block in blocks {
                if let Some(fault) = self.block(&block).await? {
                    return Ok(Some(fault));
                }
                progress(self.report.events, head);
                if self.report.events >= head {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    async fn blocks(&mut self) -> Result<Vec<Block>, StoreError> {
        let next = query(
            "SELECT first_position, last_position, recorded_at, root, chain FROM blocks
            WHERE last_position > $1 ORDER BY last_position LIMIT $2",
        )
        .bind(self.report.events.cast_signed())
        .bind(BLOCKS);
        let rows = self.session.rows("read blocks", next).await?;
        rows.iter()
            .map(|row| {
                Ok(Block {
                    first: number(row, 0)?,
                    last: number(row, 1)?,
                    recorded_at: get(row, 2)?,
                    root: get(row, 3)?,
                    chain: get(row, 4)?,
                })
            })
            .collect()
    }

    async fn block(&mut self, block: &Block) -> Result<Option<Fault>, StoreError> {
        let first = self.report.events + 1;
        if block.first != first {
            return Ok(fault(
                first,
                format!("the next block begins at {}", block.first),
            ));
        }
        if block.recorded_at < self.newest {
            return Ok(fault(first, "the block is older than the one before it"));
        }
        let mut leaves =
            Vec::with_capacity(usize::try_from(block.last - first + 1).unwrap_or_default());
        let mut after = first - 1;
        while after < block.last {
            let events = self.events(after, block.last).await?;
            if events.is_empty() {
                return Ok(fault(after + 1, "the event is missing"));
            }
            for (event, stored) in events {
                after += 1;
                if event.position != after {
                    return Ok(fault(after, "the event is missing"));
                }
                let leaf = hash::leaf_of_stored(&event);
                if leaf[..] != stored {
                    return Ok(fault(
                        after,
                        "the event is not what was hashed when it was stored",
                    ));
                }
                if event.recorded_at != block.recorded_at {
                    return Ok(fault(after, "the event's time is not its block's"));
                }
                leaves.push(leaf);
            }
        }
        let root = hash::root(&leaves);
        let chain = hash::chain(
            &self.chain,
            first,
            leaves.len() as u64,
            block.recorded_at,
            &root,
        );
        if root[..] != block.root {
            return Ok(fault(
                first,
                "the root of the block is not that of its events",
            ));
        }
        if chain[..] != block.chain {
            return Ok(fault(
                first,
                "the chain breaks: the block does not follow the one before it",
            ));
        }
        self.chain = chain;
        self.newest = block.recorded_at;
        self.report.events = block.last;
        self.report.blocks += 1;
        self.report.chain = hex(&chain);
        Ok(None)
    }

    async fn events(
        &mut self,
        after: u64,
        last: u64,
    ) -> Result<Vec<(Envelope, Vec<u8>)>, StoreError> {
        let events = query(concat!(
            "SELECT e.leaf, ",
            envelope_columns!(),
            " FROM events e WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3"
        ))
        .bind(after.cast_signed())
        .bind(last.cast_signed())
        .bind(EVENTS);
        let rows = self.session.rows("read events to verify", events).await?;
        rows.iter()
            .map(|row| Ok((self.store.shared.names.envelope(row, 1)?, get(row, 0)?)))
            .collect()
    }
}

/// Where the newest block ends.
async fn last_sealed(session: &mut Session) -> Result<u64, StoreError> {
    let newest = query("SELECT last_position FROM blocks ORDER BY last_position DESC LIMIT 1");
    match session.row("read the newest block", newest).await? {
        Some(row) => number(&row, 0),
        None => Ok(0),
    }
}

/// An aggregate whose events are not numbered 1, 2, 3 ….
async fn gap(session: &mut Session) -> Result<Option<Fault>, StoreError> {
    let gap = query(
        "SELECT aggregate_type, aggregate_id, min(position) FROM events GROUP BY aggregate_type, aggregate_id
        HAVING min(sequence) <> 1 OR max(sequence) <> count(*) LIMIT 1",
    );
    let Some(row) = session.row("look for gaps", gap).await? else {
        return Ok(None);
    };
    let (aggregate, id): (&str, &str) = (get(&row, 0)?, get(&row, 1)?);
    Ok(fault(
        number(&row, 2)?,
        format!("the events of {aggregate}/{id} are not numbered without a gap"),
    ))
}

fn fault(position: u64, what: impl Into<String>) -> Option<Fault> {
    Some(Fault {
        position,
        what: what.into(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
