//! Checked mode: each entry judged for itself, and what was missed brought along.

use chrono::Utc;
use event_schemas::Envelope;
use jangbu_runtime::ports::{AppendError, Entry, Judged, NewEvent, StoreError, Verdict, limits};
use sqlx::query;

use super::batch::is_numbered;
use super::{PostgresAppender, Sent, time_and_contended};
use crate::array::{Array, RawText};
use crate::envelope::{envelope_columns, get};
use crate::error::refused;
use crate::session::{Session, Statement};

const APPEND_CHECKED: &str = "SELECT verdicts, numbers, whys, written_at, contended_types, contended_ids
    FROM append_checked($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

/// Missed events in one answer to one entry.
const MISSED_LIMIT: i64 = 1_000;

const MISSED: &str = concat!(
    "SELECT ",
    envelope_columns!(),
    ", c.place::int FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
        AS c (aggregate_type, aggregate_id, after, until, place)
    CROSS JOIN LATERAL (
        SELECT * FROM events e
        WHERE e.aggregate_type = c.aggregate_type AND e.aggregate_id = c.aggregate_id
            AND e.sequence > c.after AND e.sequence <= c.until
        ORDER BY e.sequence LIMIT $5
    ) AS e ORDER BY c.place, e.sequence"
);

/// What we refuse before the server is asked; it judges the rest of the entry all the same.
enum Refusal {
    Data(String),
    /// Its sequences do not follow its version.
    Misnumbered,
}

fn refusal(entry: &Entry) -> Option<Refusal> {
    if !is_numbered(entry) {
        return Some(Refusal::Misnumbered);
    }
    let poison = |event: &NewEvent| {
        limits::poison_of_event(event)
            .or_else(|| limits::poison_of_json(&event.payload))
            .or_else(|| limits::poison_of_json(&event.metadata))
    };
    entry.events.iter().find_map(poison).map(Refusal::Data)
}

/// A verdict as the function gives it.
struct Given {
    verdict: String,
    number: u64,
    why: Option<String>,
}

impl PostgresAppender {
    pub(super) async fn judge_each(&mut self, entries: &[Entry]) -> Result<Judged, AppendError> {
        let refusals: Vec<_> = entries.iter().map(refusal).collect();
        let sent = sent(entries, &refusals);
        let row = match self.send(statement(entries, &refusals, &sent)).await? {
            Sent::Answer(row) => row,
            // The function keeps every entry's trouble to itself; this is trouble of another kind.
            Sent::Failed => {
                return Err(AppendError::NotDone(refused(
                    "append: the batch was refused as a whole",
                )));
            }
        };
        let read = |error| AppendError::Fatal(error);
        let (recorded_at, contended) = time_and_contended(&row, 3).map_err(read)?;
        let given = given(&row, entries.len()).map_err(read)?;
        for (entry, given) in entries.iter().zip(&given) {
            if given.verdict == "a" && !entry.events.is_empty() {
                self.told(std::slice::from_ref(entry), given.number);
            }
        }

        // The verdicts stand; if what belongs to them cannot be read, they are as good as not heard.
        let (facts, missed) = match self.evidence(entries, &given).await {
            Ok(evidence) => evidence,
            Err(error) => {
                self.lost = self
                    .session
                    .take()
                    .map(|session| session.backend)
                    .or(self.lost);
                return Err(AppendError::Unknown(error));
            }
        };
        let mut verdicts = Vec::with_capacity(entries.len());
        for (((entry, given), refusal), missed) in
            entries.iter().zip(&given).zip(refusals).zip(missed)
        {
            verdicts.push(match given.verdict.as_str() {
                "a" => Verdict::Appended {
                    first: given.number,
                },
                "d" => {
                    let own = facts
                        .iter()
                        .filter(|fact| fact.command_id == entry.command_id);
                    Verdict::AlreadyDone {
                        facts: own.cloned().collect(),
                    }
                }
                "b" => Verdict::Behind,
                "m" => Verdict::VersionMismatch {
                    actual: given.number,
                },
                "c" => Verdict::Conflict {
                    actual: given.number,
                    missed,
                },
                _ => match refusal {
                    Some(Refusal::Misnumbered) => Verdict::Conflict {
                        actual: given.number,
                        missed,
                    },
                    Some(Refusal::Data(why)) => Verdict::RefusedAsData { why },
                    None => Verdict::RefusedAsData {
                        why: given.why.clone().unwrap_or_default(),
                    },
                },
            });
        }
        Ok(Judged {
            verdicts,
            recorded_at,
            contended,
        })
    }

    /// The facts of commands that were done before, and for each entry the events it missed.
    async fn evidence(
        &mut self,
        entries: &[Entry],
        given: &[Given],
    ) -> Result<(Vec<Envelope>, Vec<Vec<Envelope>>), StoreError> {
        let done: Vec<_> = entries
            .iter()
            .zip(given)
            .filter(|(_, given)| given.verdict == "d")
            .map(|(entry, _)| entry.command_id)
            .collect();
        let lost: Vec<_> = entries
            .iter()
            .zip(given)
            .enumerate()
            .filter(|(_, (_, given))| given.verdict == "c")
            .collect();
        let mut missed = vec![Vec::new(); entries.len()];
        let mut facts = Vec::new();
        if done.is_empty() && lost.is_empty() {
            return Ok((facts, missed));
        }
        let shared = std::sync::Arc::clone(&self.store.shared);
        let session: &mut Session = match &mut self.session {
            Some(session) => session,
            none => none.insert(shared.door.open().await?),
        };
        if !done.is_empty() {
            facts = shared.facts_on(session, &done).await?;
        }
        if !lost.is_empty() {
            let query = query(MISSED)
                .bind(Array(
                    lost.iter().map(|(_, (entry, _))| &*entry.stream.aggregate),
                ))
                .bind(Array(lost.iter().map(|(_, (entry, _))| &*entry.stream.id)))
                .bind(Array(
                    lost.iter()
                        .map(|(_, (entry, _))| entry.version.cast_signed()),
                ))
                .bind(Array(
                    lost.iter()
                        .map(|(_, (_, given))| given.number.cast_signed()),
                ))
                .bind(MISSED_LIMIT);
            for row in &session.rows("read what was missed", query).await? {
                let place = usize::try_from(get::<i32>(row, 12)? - 1).unwrap_or(usize::MAX);
                if let Some((at, _)) = lost.get(place) {
                    missed[*at].push(shared.names.envelope(row, 0)?);
                }
            }
        }
        Ok((facts, missed))
    }
}

/// The events that are sent: the server might refuse all for those of one that is refused already.
fn sent<'b>(entries: &'b [Entry], refusals: &[Option<Refusal>]) -> Vec<&'b NewEvent> {
    let fit = entries
        .iter()
        .zip(refusals)
        .filter(|(_, refusal)| refusal.is_none());
    fit.flat_map(|(entry, _)| &entry.events).collect()
}

fn statement<'b>(
    entries: &'b [Entry],
    refusals: &[Option<Refusal>],
    sent: &'b [&'b NewEvent],
) -> Statement<'b> {
    let amounts = entries.iter().zip(refusals).map(|(entry, refusal)| {
        if refusal.is_some() {
            0
        } else {
            i32::try_from(entry.events.len()).unwrap_or(i32::MAX)
        }
    });
    query(APPEND_CHECKED)
        .bind(Utc::now())
        .bind(Array(
            entries.iter().map(|entry| askable(&entry.stream.aggregate)),
        ))
        .bind(Array(entries.iter().map(|entry| askable(&entry.stream.id))))
        .bind(Array(entries.iter().map(|entry| entry.command_id)))
        .bind(Array(
            entries.iter().map(|entry| entry.version.cast_signed()),
        ))
        .bind(Array(
            entries
                .iter()
                .map(|entry| entry.expected_version.map(u64::cast_signed)),
        ))
        .bind(amounts.collect::<Vec<i32>>())
        .bind(refusals.iter().map(Option::is_some).collect::<Vec<bool>>())
        .bind(Array(sent.iter().map(|event| &*event.stream.aggregate)))
        .bind(Array(sent.iter().map(|event| &*event.stream.id)))
        .bind(Array(sent.iter().map(|event| event.sequence.cast_signed())))
        .bind(Array(sent.iter().map(|event| &*event.name)))
        .bind(Array(sent.iter().map(|event| &*event.version)))
        .bind(Array(sent.iter().map(|event| RawText(&event.payload))))
        .bind(Array(sent.iter().map(|event| RawText(&event.metadata))))
        .bind(Array(sent.iter().map(|event| event.event_id)))
        .bind(Array(sent.iter().map(|event| &event.leaf)))
}

/// An entry with a name that cannot stand in the store is asked for under one that nobody has.
fn askable(name: &str) -> &str {
    if name.contains('\0') { "" } else { name }
}

fn given(row: &sqlx::postgres::PgRow, amount: usize) -> Result<Vec<Given>, StoreError> {
    let verdicts: Option<Vec<String>> = get(row, 0)?;
    let numbers: Option<Vec<Option<i64>>> = get(row, 1)?;
    let whys: Option<Vec<Option<String>>> = get(row, 2)?;
    let given: Vec<_> = verdicts
        .unwrap_or_default()
        .into_iter()
        .zip(numbers.unwrap_or_default())
        .zip(whys.unwrap_or_default())
        .map(|((verdict, number), why)| Given {
            verdict,
            number: number.unwrap_or(0).cast_unsigned(),
            why,
        })
        .collect();
    if given.len() == amount {
        Ok(given)
    } else {
        Err(refused(format!(
            "append: {} verdicts for {amount} entries",
            given.len()
        )))
    }
}
