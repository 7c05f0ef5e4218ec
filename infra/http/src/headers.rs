//! What a request says beside its path and body: who asks, under which id, what they insist on and how long they wait.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, header};
use jangbu_runtime::ports::Clock;
use kernel::Actor;
use uuid::Uuid;

use crate::problem::*;
use crate::scan;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const EXPECTED_VERSION: HeaderName = HeaderName::from_static("expected-version");
pub(crate) const REASON: HeaderName = HeaderName::from_static("reason");
pub(crate) const ACTOR: HeaderName = HeaderName::from_static("actor");
pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("correlation-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const MIN_POSITION: HeaderName = HeaderName::from_static("min-position");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Ids, keys and names of actors: what an index and a header hold with ease.
pub(crate) const NAME_BYTES: usize = 255;
/// A reason is a sentence or two, not a document.
const REASON_CHARACTERS: usize = 1_000;
/// Who asks where nobody says so.
const NOBODY: &str = "anonymous";

/// Idempotency keys that are no UUIDs become ids in this namespace. It must never change: ids are kept for ever.
const KEYS: Uuid = Uuid::from_u128(0x7d2c_1b0a_5f7e_4c5b_9a64_b1f3_0d9e_6a21);

/// What holds for all commands of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    pub(crate) correlation_id: Option<String>,
    pub(crate) traceparent: Option<String>,
}

impl Caller {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let correlation_id = text(headers, &CORRELATION_ID)?
            .map(|id| name("Correlation-Id", id))
            .transpose()?;
        Ok(Self {
            actor: actor(headers)?,
            correlation_id: correlation_id.map(str::to_owned),
            traceparent: text(headers, &TRACEPARENT)?.map(str::to_owned),
        })
    }
}

fn actor(headers: &HeaderMap) -> Result<Actor, Problem> {
    let Some(given) = text(headers, &ACTOR)? else {
        return Ok(Actor::new(NOBODY));
    };
    let actor = Actor::new(name("Actor", given)?);
    if !actor.is_person() {
        return Err(Problem::new(
            &ACTOR_RESERVED,
            "policy:, timer: and worker: are names of the mall's own processes: give the id of a person as Actor",
        ));
    }
    Ok(actor)
}

/// A header's text, where it is there.
pub(crate) fn text<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), more) = (values.next(), values.next()) else {
        return Ok(None);
    };
    if more.is_some() {
        return Err(malformed_header(name, "is there twice: give it once"));
    }
    std::str::from_utf8(value.as_bytes())
        .map(|text| Some(text.trim()))
        .map_err(|_| malformed_header(name, "is no UTF-8 text"))
}

/// A header's number, where it is there.
pub(crate) fn number<N: FromStr>(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<N>, Problem> {
    let Some(text) = text(headers, name)? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| malformed_header(name, "is no whole number: give one like 42"))
}

fn malformed_header(name: &HeaderName, what: &str) -> Problem {
    Problem::new(&MALFORMED, format!("the header {name} {what}")).with("header", name.as_str())
}

/// Checks a text that is kept as a name: not empty, not long, nothing that cannot be seen.
fn name<'t>(what: &str, text: &'t str) -> Result<&'t str, Problem> {
    scan::text(what, text)?;
    if text.is_empty() || text.len() > NAME_BYTES || text.chars().any(char::is_control) {
        return Err(Problem::new(
            &MALFORMED,
            format!("{what} is a text of 1 to {NAME_BYTES} bytes without control characters"),
        ));
    }
    Ok(text)
}

/// The id of a command: a UUID as it is, another text as its hash, and a fresh one where nothing is given.
pub(crate) fn command_id(key: Option<&str>, clock: &dyn Clock) -> Result<Uuid, Problem> {
    let Some(key) = key else {
        return Ok(clock.event_id());
    };
    let key = name("an Idempotency-Key", key)?;
    Ok(Uuid::try_parse(key).unwrap_or_else(|_| Uuid::new_v5(&KEYS, key.as_bytes())))
}

/// A reason in a person's words, if it is not too many of them.
pub(crate) fn reason(reason: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(reason) = reason else {
        return Ok(None);
    };
    scan::text("a reason", reason)?;
    if reason.chars().count() > REASON_CHARACTERS {
        return Err(Problem::new(
            &MALFORMED,
            format!("a reason has at most {REASON_CHARACTERS} characters: shorten it"),
        ));
    }
    Ok(Some(reason.to_owned()))
}

/// How long a query waits for its view, if it says so: `Prefer: wait=5` (RFC 7240), in seconds.
pub(crate) fn wait(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    for value in headers.get_all(PREFER) {
        let preferences = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
        for preference in preferences.split([',', ';']) {
            let Some(("wait", seconds)) = preference
                .split_once('=')
                .map(|(name, value)| (name.trim(), value.trim()))
            else {
                continue;
            };
            let seconds: u64 = seconds.parse().map_err(|_| {
                malformed_header(
                    &PREFER,
                    "has a wait that is no number of seconds: write wait=5",
                )
            })?;
            return Ok(Some(Duration::from_secs(seconds)));
        }
    }
    Ok(None)
}

/// Refuses a body of another content type; none given is taken for the right one.
pub(crate) fn content_type(headers: &HeaderMap, taken: &[&str]) -> Result<(), Problem> {
    let Some(given) = text(headers, &header::CONTENT_TYPE)? else {
        return Ok(());
    };
    let essence = given.split(';').next().unwrap_or_default().trim();
    if taken
        .iter()
        .any(|taken| essence.eq_ignore_ascii_case(taken))
    {
        return Ok(());
    }
    Err(Problem::new(
        &UNSUPPORTED_MEDIA_TYPE,
        format!("send the body as Content-Type: {}", taken[0]),
    ))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use jangbu_runtime::ports::SystemClock;

    use super::*;

    #[test]
    fn a_uuid_is_the_command_id_and_another_text_always_the_same_one() {
        let id = Uuid::from_u128(5);
        let given = |key: &str| command_id(Some(key), &SystemClock).unwrap();
        assert_eq!(given(&id.to_string()), id);
        assert_eq!(given("order 7, first try"), given("order 7, first try"));
        assert_ne!(given("order 7"), given("order 8"));
        assert_eq!(
            given("order 7").to_string(),
            "093093a5-7cc5-57e2-8b10-ba9d35ca83ca"
        );
    }

    #[test]
    fn a_wait_is_read_and_other_preferences_are_passed_over() {
        let asked = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            wait(&headers)
        };
        assert_eq!(
            asked("respond-async, wait=7").unwrap(),
            Some(Duration::from_secs(7))
        );
        assert_eq!(asked("return=minimal").unwrap(), None);
        assert!(asked("wait=long").is_err());
    }
}
