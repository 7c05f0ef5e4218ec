//! Reading a record that claims to be an event of ours. Nothing in it is trusted.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{SPEC_VERSION, TYPE_PREFIX, names};
use crate::{Envelope, INTEGER_LIMIT, Metadata, Source};

/// Names worth remembering; more than this many kinds of events are not ours, and must not fill the memory.
const MOST_NAMES: usize = 1_024;

/// An event as it came from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Which store, and which history of it.
    pub source: Arc<Source>,
    /// Position of the record before it in its partition, 0 for the first.
    pub previous: u64,
    /// The event. Its metadata is what the headers tell, not the stored bytes; its command ordinal is not told and 0.
    pub envelope: Envelope,
}

/// Why a record is no event of ours.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Somebody else's: dead letters, and on.
    #[error("record is not ours: {0}")]
    Alien(&'static str),
    /// It bears our name and is broken.
    #[error("record of {} is malformed", .0.claims)]
    Malformed(#[source] Box<Malformed>),
}

/// A record that bears our name and is broken.
#[derive(Debug, thiserror::Error)]
#[error("{header} {fault}")]
pub struct Malformed {
    /// Whose name it bears; whether that is this store, the caller knows.
    pub claims: Source,
    /// The position it claims, where that can be read.
    pub position: Option<u64>,
    /// The header (or `key`, `value`) that is wrong.
    pub header: &'static str,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// Reads records. It remembers names and the source, so that the millionth record of a kind shares those of the first.
#[derive(Debug, Default)]
pub struct Reader {
    names: HashSet<Arc<str>>,
    source: Option<(String, Arc<Source>)>,
}

/// Header and fault, on the way to becoming [`Malformed`].
type Fault = (&'static str, &'static str);

impl Reader {
    /// A reader that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a record from its key, value and headers.
    ///
    /// # Errors
    /// [`ReadError::Alien`] where `ce_source` and `ce_type` are not ours, [`ReadError::Malformed`] where they are and
    /// something else is wrong.
    pub fn read<'r>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<Bytes>,
        header: impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Result<Received, ReadError> {
        let source = self.source(&header)?;
        let kind = text(&header, names::TYPE)
            .ok()
            .filter(|kind| kind.starts_with(TYPE_PREFIX))
            .ok_or(ReadError::Alien(
                "ce_type is missing or does not begin with jangbu.",
            ))?;
        self.event(kind, key, value, &header, &source)
            .map_err(|(name, fault)| {
                ReadError::Malformed(Box::new(Malformed {
                    claims: Source::clone(&source),
                    position: number(&header, names::POSITION).ok(),
                    header: name,
                    fault,
                }))
            })
    }

    fn source<'r>(
        &mut self,
        header: &impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Result<Arc<Source>, ReadError> {
        let text =
            text(header, names::SOURCE).map_err(|_| ReadError::Alien("ce_source is missing"))?;
        if let Some((known, source)) = &self.source
            && known == text
        {
            return Ok(Arc::clone(source));
        }
        let source: Source = text.parse().map_err(|_| {
            ReadError::Alien("ce_source is not written /jangbu/<store>/<incarnation>")
        })?;
        let source = Arc::new(source);
        self.source = Some((text.to_owned(), Arc::clone(&source)));
        Ok(source)
    }

    fn event<'r>(
        &mut self,
        kind: &str,
        key: Option<&[u8]>,
        value: Option<Bytes>,
        header: &impl Fn(&str) -> Option<&'r [u8]>,
        source: &Arc<Source>,
    ) -> Result<Received, Fault> {
        if text(header, names::SPEC_VERSION)? != SPEC_VERSION {
            return Err((names::SPEC_VERSION, "is not 1.0"));
        }
        let id = key
            .ok_or(("key", "is missing"))
            .and_then(|key| utf8("key", key))?;
        let aggregate = aggregate_of(text(header, names::SUBJECT)?, id)?;
        let (name, version) = name_and_version(kind, aggregate)?;
        let (position, previous) = place(header)?;
        Ok(Received {
            source: Arc::clone(source),
            previous,
            envelope: Envelope {
                position,
                event_id: parsed(header, names::ID, "is no UUID")?,
                aggregate: self.name(aggregate),
                id: id.to_owned(),
                sequence: from_one(header, names::SEQUENCE)?,
                name: self.name(name),
                version: self.name(version),
                payload: value.ok_or(("value", "is null, which no event is"))?,
                metadata: metadata(header)?,
                command_id: parsed::<Uuid>(header, names::COMMAND_ID, "is no UUID")?,
                command_ordinal: 0,
                recorded_at: parsed::<DateTime<Utc>>(header, names::TIME, "is no RFC 3339 time")?,
            },
        })
    }

    /// The shared text of a name.
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        if self.names.len() < MOST_NAMES {
            self.names.insert(Arc::clone(&name));
        }
        name
    }
}

/// `<aggregate>/<id>`, of which the id must be the key. An aggregate's name has no slash, an id may.
fn aggregate_of<'t>(subject: &'t str, id: &str) -> Result<&'t str, Fault> {
    match subject.split_once('/') {
        Some((aggregate, of)) if of == id && !aggregate.is_empty() => Ok(aggregate),
        _ => Err((names::SUBJECT, "is not <aggregate>/<id> with the key as id")),
    }
}

/// `jangbu.<aggregate>.<Event>.v<version>`; an adopted version may have dots, so the last `.v` counts.
fn name_and_version<'t>(kind: &'t str, aggregate: &str) -> Result<(&'t str, &'t str), Fault> {
    kind.strip_prefix(TYPE_PREFIX)
        .and_then(|rest| rest.strip_prefix(aggregate))
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.rsplit_once(".v"))
        .filter(|(name, version)| !name.is_empty() && !version.is_empty())
        .ok_or((
            names::TYPE,
            "is not jangbu.<aggregate>.<Event>.v<version> of its subject",
        ))
}

/// Position and previous. A huge forged position would silence a partition for good, so the wire's limit is checked.
fn place<'r>(header: &impl Fn(&str) -> Option<&'r [u8]>) -> Result<(u64, u64), Fault> {
    let position = from_one(header, names::POSITION)?;
    let previous = number(header, names::PREVIOUS)?;
    if previous >= position {
        return Err((names::PREVIOUS, "is not before ce_position"));
    }
    Ok((position, previous))
}

fn metadata<'r>(header: &impl Fn(&str) -> Option<&'r [u8]>) -> Result<Bytes, Fault> {
    let metadata = Metadata {
        actor: optional(header, names::ACTOR)?
            .unwrap_or_default()
            .to_owned(),
        correlation_id: optional(header, names::CORRELATION_ID)?
            .unwrap_or_default()
            .to_owned(),
        causation_id: optional(header, names::CAUSATION_ID)?.map(str::to_owned),
        traceparent: optional(header, names::TRACEPARENT)?.map(str::to_owned),
        ..Metadata::default()
    };
    let json = serde_json::to_vec(&metadata).expect("a flat object of texts is JSON");
    Ok(json.into())
}

fn optional<'r>(
    header: &impl Fn(&str) -> Option<&'r [u8]>,
    name: &'static str,
) -> Result<Option<&'r str>, Fault> {
    header(name).map(|value| utf8(name, value)).transpose()
}

fn text<'r>(
    header: &impl Fn(&str) -> Option<&'r [u8]>,
    name: &'static str,
) -> Result<&'r str, Fault> {
    optional(header, name)?.ok_or((name, "is missing"))
}

fn utf8<'r>(name: &'static str, value: &'r [u8]) -> Result<&'r str, Fault> {
    std::str::from_utf8(value).map_err(|_| (name, "is no UTF-8"))
}

fn parsed<'r, T: FromStr>(
    header: &impl Fn(&str) -> Option<&'r [u8]>,
    name: &'static str,
    fault: &'static str,
) -> Result<T, Fault> {
    text(header, name)?.parse().map_err(|_| (name, fault))
}

/// A whole number below 2^53, in plain digits.
fn number<'r>(
    header: &impl Fn(&str) -> Option<&'r [u8]>,
    name: &'static str,
) -> Result<u64, Fault> {
    let number: u64 = parsed(header, name, "is no whole number")?;
    if number >= INTEGER_LIMIT {
        return Err((name, "is 2^53 or more"));
    }
    Ok(number)
}

fn from_one<'r>(
    header: &impl Fn(&str) -> Option<&'r [u8]>,
    name: &'static str,
) -> Result<u64, Fault> {
    match number(header, name)? {
        0 => Err((name, "is 0, and counting starts at 1")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests;
