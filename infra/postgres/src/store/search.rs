//! Searching the ledger: by index where there is one, otherwise a bounded stretch of it at a time.

use event_schemas::Envelope;
use jangbu_runtime::ports::{EventFilter, StoreError, limits};
use sqlx::query;

use crate::envelope::{envelope_columns, number};
use crate::postgres::Shared;

/// Positions looked through in one call: well below a second, also when nothing is found.
const STRETCH: u64 = 50_000;

const STRETCH_OF_ALL: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    " FROM events e WHERE e.position > $1 AND e.position <= $2
        AND ($4::text IS NULL OR e.aggregate_type = $4) AND ($5::text IS NULL OR e.aggregate_id = $5)
        AND ($6::text[] IS NULL OR e.event_type = ANY ($6))
        AND ($7::text IS NULL OR e.metadata ->> 'actor' = $7)
        AND ($8::text IS NULL OR e.metadata ->> 'correlation_id' = $8)
        AND ($9::uuid IS NULL OR e.command_id = $9)
    ORDER BY e.position LIMIT $3"
);

// The same by the primary key. An aggregate's events stand in one order by sequence and by position.
// Whoever goes on from an event of this aggregate begins right behind it in the index.
const OF_AN_AGGREGATE: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    " FROM events e WHERE e.position > $1 AND e.position <= $2
        AND e.aggregate_type = $4 AND e.aggregate_id = $5
        AND e.sequence > coalesce((SELECT s.sequence FROM events s
            WHERE s.position = $1 AND s.aggregate_type = $4 AND s.aggregate_id = $5), 0)
        AND ($6::text[] IS NULL OR e.event_type = ANY ($6))
        AND ($7::text IS NULL OR e.metadata ->> 'actor' = $7)
        AND ($8::text IS NULL OR e.metadata ->> 'correlation_id' = $8)
        AND ($9::uuid IS NULL OR e.command_id = $9)
    ORDER BY e.aggregate_type, e.aggregate_id, e.sequence LIMIT $3"
);

impl Shared {
    pub(crate) async fn search(
        &self,
        filter: &EventFilter,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Envelope>, u64), StoreError> {
        let mut session = self.searches.take().await?;
        let newest = query("SELECT last_position FROM blocks ORDER BY last_position DESC LIMIT 1");
        let head = session
            .row("read the head", newest)
            .await?
            .map_or(Ok(0), |row| number(&row, 0))?;
        let end = head.min(filter.until.unwrap_or(u64::MAX)).max(after);
        if end == after || limit == 0 || !is_storable(filter) {
            return Ok((Vec::new(), if limit == 0 { after } else { end }));
        }
        if let Some(command_id) = filter.command_id {
            let mut facts = self.facts_on(&mut session, &[command_id]).await?;
            facts.retain(|event| {
                event.position > after && event.position <= end && lets_through(filter, event)
            });
            facts.truncate(limit);
            let looked = facts
                .last()
                .filter(|_| facts.len() == limit)
                .map_or(end, |last| last.position);
            return Ok((facts, looked));
        }
        let (sql, end) = match (&filter.aggregate, &filter.aggregate_id) {
            (Some(_), Some(_)) => (OF_AN_AGGREGATE, end),
            _ => (STRETCH_OF_ALL, end.min(after.saturating_add(STRETCH))),
        };
        let limit = self.read_size.limit(limit);
        let names = (!filter.names.is_empty()).then_some(&filter.names);
        let search = query(sql)
            .bind(after.cast_signed())
            .bind(end.cast_signed())
            .bind(limit)
            .bind(&filter.aggregate)
            .bind(&filter.aggregate_id)
            .bind(names)
            .bind(&filter.actor)
            .bind(&filter.correlation_id)
            .bind(filter.command_id);
        let rows = session.rows("search", search).await?;
        let events = self.names.envelopes(&rows, 0)?;
        self.told(&events);
        self.read_size.learn(&events);
        let full = i64::try_from(events.len()).is_ok_and(|found| found == limit);
        let looked = events
            .last()
            .filter(|_| full)
            .map_or(end, |last| last.position);
        Ok((events, looked))
    }
}

/// False where no stored event can match: then the server, which refuses such text, is not asked.
fn is_storable(filter: &EventFilter) -> bool {
    let texts = [
        &filter.aggregate,
        &filter.aggregate_id,
        &filter.actor,
        &filter.correlation_id,
    ];
    let storable = |text: &String| !text.contains('\0');
    texts
        .into_iter()
        .flatten()
        .chain(&filter.names)
        .all(storable)
        && filter
            .aggregate_id
            .as_ref()
            .is_none_or(|id| id.len() <= limits::ID_LIMIT)
}

fn lets_through(filter: &EventFilter, event: &Envelope) -> bool {
    let wants =
        |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let metadata = event.read_metadata();
    wants(&filter.aggregate, &event.aggregate)
        && wants(&filter.aggregate_id, &event.id)
        && (filter.names.is_empty() || filter.names.iter().any(|name| **name == *event.name))
        && wants(&filter.actor, &metadata.actor)
        && wants(&filter.correlation_id, &metadata.correlation_id)
}
