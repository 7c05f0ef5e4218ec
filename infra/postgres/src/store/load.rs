//! Loading aggregates, many in one query: for each its snapshot, the events after it, and where it stands.

use jangbu_runtime::ports::{Load, LoadFrom, Loaded, Snapshot, StoreError, limits};
use sqlx::postgres::PgRow;
use sqlx::query;

use crate::array::Array;
use crate::envelope::{envelope_columns, get, number, raw};
use crate::postgres::Shared;

// Three kinds of rows, each beginning with kind and place: s, an aggregate's snapshot; e, an event; v, where it stands,
// only for who has a state already: that may be of more than the store has.
// LATERAL … LIMIT and ORDER BY keep every look-up an index scan, whatever the planner thinks of the numbers.
const LOAD: &str = concat!(
    "WITH asked AS MATERIALIZED (
        SELECT a.aggregate_type, a.aggregate_id, a.after, a.schema, a.place::int AS place
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
            AS a (aggregate_type, aggregate_id, after, schema, place)
    ), snapshot AS MATERIALIZED (
        SELECT a.place, s.version, s.state FROM asked a
        CROSS JOIN LATERAL (
            SELECT s.version, s.state FROM states s
            WHERE s.aggregate_type = a.aggregate_type AND s.aggregate_id = a.aggregate_id AND s.schema = a.schema
            LIMIT 1
        ) AS s
    )
    SELECT 'v', a.place, v.sequence, NULL::uuid, NULL, NULL, NULL::bigint, NULL, NULL, NULL::json, NULL::json,
        NULL::uuid, NULL::int, NULL::timestamptz
    FROM asked a CROSS JOIN LATERAL (
        SELECT e.sequence FROM events e
        WHERE e.aggregate_type = a.aggregate_type AND e.aggregate_id = a.aggregate_id
        ORDER BY e.sequence DESC LIMIT 1
    ) AS v
    WHERE a.schema IS NULL
    UNION ALL
    SELECT 's', s.place, s.version, NULL, NULL, NULL, NULL, NULL, NULL, s.state, NULL, NULL, NULL, NULL
    FROM snapshot s
    UNION ALL
    SELECT 'e', a.place, ",
    envelope_columns!(),
    " FROM asked a LEFT JOIN snapshot s USING (place) CROSS JOIN LATERAL (
        SELECT * FROM events e
        WHERE e.aggregate_type = a.aggregate_type AND e.aggregate_id = a.aggregate_id
            AND e.sequence > coalesce(s.version, a.after)
        ORDER BY e.sequence
    ) AS e"
);

impl Shared {
    pub(super) async fn load(&self, loads: &[Load]) -> Result<Vec<Loaded>, StoreError> {
        // What can never have been stored is not asked for: the server would refuse the neighbours with it.
        let asked: Vec<(usize, &Load)> = loads
            .iter()
            .enumerate()
            .filter(|(_, load)| limits::poison_of_stream(&load.stream).is_none())
            .collect();
        let mut loaded: Vec<Loaded> = loads.iter().map(empty).collect();
        if asked.is_empty() {
            return Ok(loaded);
        }
        let load = query(LOAD)
            .bind(Array(asked.iter().map(|(_, load)| &*load.stream.aggregate)))
            .bind(Array(asked.iter().map(|(_, load)| &*load.stream.id)))
            .bind(Array(asked.iter().map(|(_, load)| after(load))))
            .bind(Array(asked.iter().map(|(_, load)| schema(load))));
        let rows = self
            .reads
            .take()
            .await?
            .rows("load aggregates", load)
            .await?;
        for row in &rows {
            let place: i32 = get(row, 1)?;
            let place = usize::try_from(place - 1)
                .ok()
                .and_then(|place| asked.get(place));
            let Some((at, load)) = place else { continue };
            self.put(row, load, &mut loaded[*at])?;
        }
        for one in &mut loaded {
            // The query gives them in order, though SQL does not promise it of a UNION.
            if !one.events.is_sorted_by_key(|event| event.sequence) {
                one.events.sort_by_key(|event| event.sequence);
            }
            self.told(&one.events);
        }
        Ok(loaded)
    }

    fn put(&self, row: &PgRow, load: &Load, into: &mut Loaded) -> Result<(), StoreError> {
        match (get::<&str>(row, 0)?, load.from) {
            ("v", _) => into.version = number(row, 2)?,
            ("s", LoadFrom::Scratch { schema }) => {
                let state = bytes::Bytes::copy_from_slice(raw(row, 9)?);
                let version = number(row, 2)?;
                into.version = into.version.max(version);
                into.snapshot = Some(Snapshot {
                    version,
                    state,
                    schema,
                });
            }
            _ => {
                let event = self.names.envelope(row, 2)?;
                // One statement sees one state, but the version row may have been read first all the same.
                into.version = into.version.max(event.sequence);
                into.events.push(event);
            }
        }
        Ok(())
    }
}

fn empty(load: &Load) -> Loaded {
    Loaded {
        stream: load.stream.clone(),
        snapshot: None,
        events: Vec::new(),
        version: 0,
    }
}

fn after(load: &Load) -> i64 {
    match load.from {
        LoadFrom::Scratch { .. } => 0,
        LoadFrom::After { version } => i64::try_from(version).unwrap_or(i64::MAX),
    }
}

fn schema(load: &Load) -> Option<&[u8; 32]> {
    match &load.from {
        LoadFrom::Scratch { schema } => Some(schema),
        LoadFrom::After { .. } => None,
    }
}
