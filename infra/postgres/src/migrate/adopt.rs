//! Adopting a database that postgres-es filled: its events get positions, ids, leaves and blocks.
//!
//! Positions go by aggregate type, id and sequence, compared byte by byte; ids are uuid_v5, so that adopting the same
//! database twice gives the same ids. All of it is of the time of adoption.

use chrono::{DateTime, SubsecRound, Utc};
use jangbu_runtime::hash::{self, Leaf};
use jangbu_runtime::ports::StoreError;
use sqlx::{Executor, PgConnection};
use uuid::{Uuid, uuid};

use super::failed;
use crate::array::Array;
use crate::envelope::{get, number, raw};

/// Of the ids we give to events and commands of an older store.
const NAMESPACE: Uuid = uuid!("6a616e67-6275-5000-8000-61646f707465");

/// Events per block, and per round trip.
const BLOCK: i64 = 1_000;

/// Fills the new columns of every event; how many there were.
pub(super) async fn adopt(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let amount: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| failed("count the events", error))?;
    if amount == 0 {
        return Ok(0);
    }
    // Numbered once, so that each batch finds its events by index.
    let number = "CREATE TEMP TABLE adopted ON COMMIT DROP AS
        SELECT aggregate_type, aggregate_id, sequence, row_number() OVER (
            ORDER BY aggregate_type COLLATE \"C\", aggregate_id COLLATE \"C\", sequence) AS position
        FROM events;
        CREATE UNIQUE INDEX ON adopted (position);
        ANALYZE adopted";
    connection
        .execute(number)
        .await
        .map_err(|error| failed("number the events", error))?;

    let recorded_at = Utc::now().trunc_subsecs(6);
    let mut chain = [0; 32];
    let mut first = 1;
    while first <= amount {
        let last = amount.min(first + BLOCK - 1);
        let leaves = leaves(connection, first, last).await?;
        write_events(connection, first, recorded_at, &leaves).await?;
        chain = write_block(connection, first, recorded_at, &chain, &leaves).await?;
        first = last + 1;
    }
    Ok(amount.unsigned_abs())
}

struct Adopted {
    event_id: Uuid,
    command_id: Uuid,
    leaf: [u8; 32],
}

/// Ids and leaves of some events, computed here: the database has no say in what is hashed.
async fn leaves(
    connection: &mut PgConnection,
    first: i64,
    last: i64,
) -> Result<Vec<Adopted>, StoreError> {
    let rows = sqlx::query(
        "SELECT e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version, e.payload, e.metadata
        FROM adopted a JOIN events e USING (aggregate_type, aggregate_id, sequence)
        WHERE a.position BETWEEN $1 AND $2 ORDER BY a.position",
    )
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| failed("read the events", error))?;
    let adopted = rows.iter().map(|row| {
        let (aggregate, id): (&str, &str) = (get(row, 0)?, get(row, 1)?);
        let sequence = number(row, 2)?;
        let made = |what: &str| {
            Uuid::new_v5(
                &NAMESPACE,
                format!("{what}\n{aggregate}\n{id}\n{sequence}").as_bytes(),
            )
        };
        let (event_id, command_id) = (made("event"), made("command"));
        let leaf = hash::leaf(&Leaf {
            event_id,
            aggregate,
            id,
            sequence,
            name: get(row, 3)?,
            version: get(row, 4)?,
            command_id,
            ordinal: 0,
            payload: raw(row, 5)?,
            metadata: raw(row, 6)?,
        });
        Ok(Adopted {
            event_id,
            command_id,
            leaf,
        })
    });
    adopted.collect()
}

async fn write_events(
    connection: &mut PgConnection,
    first: i64,
    recorded_at: DateTime<Utc>,
    adopted: &[Adopted],
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE events e SET position = a.position, event_id = n.event_id, command_id = n.command_id,
            command_ordinal = 0, recorded_at = $2, leaf = n.leaf
        FROM unnest($3::uuid[], $4::uuid[], $5::bytea[]) WITH ORDINALITY AS n (event_id, command_id, leaf, place)
        JOIN adopted a ON a.position = $1 + n.place - 1
        WHERE e.aggregate_type = a.aggregate_type AND e.aggregate_id = a.aggregate_id AND e.sequence = a.sequence",
    )
    .bind(first)
    .bind(recorded_at)
    .bind(Array(adopted.iter().map(|one| one.event_id)))
    .bind(Array(adopted.iter().map(|one| one.command_id)))
    .bind(Array(adopted.iter().map(|one| &one.leaf)))
    .execute(connection)
    .await
    .map_err(|error| failed("fill the events", error))?;
    Ok(())
}

async fn write_block(
    connection: &mut PgConnection,
    first: i64,
    recorded_at: DateTime<Utc>,
    previous: &[u8; 32],
    adopted: &[Adopted],
) -> Result<[u8; 32], StoreError> {
    let leaves: Vec<_> = adopted.iter().map(|one| one.leaf).collect();
    let count = leaves.len() as u64;
    let root = hash::root(&leaves);
    let chain = hash::chain(previous, first.cast_unsigned(), count, recorded_at, &root);
    sqlx::query("INSERT INTO blocks (last_position, first_position, recorded_at, root, chain) VALUES ($1, $2, $3, $4, $5)")
        .bind(first + count.cast_signed() - 1)
        .bind(first)
        .bind(recorded_at)
        .bind(&root[..])
        .bind(&chain[..])
        .execute(connection)
        .await
        .map_err(|error| failed("write a block", error))?;
    Ok(chain)
}
