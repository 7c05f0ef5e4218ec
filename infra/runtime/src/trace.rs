//! W3C trace context, as far as a ledger needs it: read it, go on with it, write it.
//!
//! Span ids are made of command ids, so that a run with the same ids has the same traces.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A `traceparent` of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a traceparent reads 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, lower case, neither id zero"
)]
pub struct NotATraceParent;

/// What every span of ours says: it was recorded.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// A trace that begins with a command; its trace id is the command's id.
    #[must_use]
    pub fn begin(command_id: Uuid) -> Self {
        Self {
            trace: command_id.as_u128().max(1),
            span: span_of(command_id),
            flags: SAMPLED,
        }
    }

    /// The same trace, one step on: the span of a command.
    #[must_use]
    pub fn child(self, command_id: Uuid) -> Self {
        Self {
            span: span_of(command_id),
            ..self
        }
    }

    /// The trace's id, in hex.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// The `traceparent` of a command: one step on from the caller's if that can be read, else a new trace.
#[must_use]
pub fn continued(caller: Option<&str>, command_id: Uuid) -> TraceParent {
    caller.and_then(|text| text.parse().ok()).map_or_else(
        || TraceParent::begin(command_id),
        |caller: TraceParent| caller.child(command_id),
    )
}

/// The second half of a UUID is random in version 7 and a hash in version 5.
fn span_of(command_id: Uuid) -> u64 {
    command_id.as_u64_pair().1.max(1)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let mut parts = text.split('-');
        let version = hex(parts.next(), 2)?;
        let trace = hex(parts.next(), 32)?;
        let span = hex(parts.next(), 16)?;
        let flags = hex(parts.next(), 2)?;
        // A later version may say more after the flags; 00 may not, and ff is forbidden.
        let more = parts.next().is_some();
        if version == 0xff || (version == 0 && more) || trace == 0 || span == 0 {
            return Err(NotATraceParent);
        }
        Ok(Self {
            trace,
            span: u64::try_from(span).map_err(|_| NotATraceParent)?,
            flags: u8::try_from(flags).map_err(|_| NotATraceParent)?,
        })
    }
}

fn hex(digits: Option<&str>, length: usize) -> Result<u128, NotATraceParent> {
    let digits = digits
        .filter(|digits| {
            digits.len() == length
                && digits
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
        .ok_or(NotATraceParent)?;
    u128::from_str_radix(digits, 16).map_err(|_| NotATraceParent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_comes_back_as_it_went() {
        assert_eq!(SEEN.parse::<TraceParent>().unwrap().to_string(), SEEN);
    }

    #[test]
    fn a_child_stays_in_the_trace_and_has_a_span_of_its_own() {
        let id = Uuid::from_u128(7);
        let child = SEEN.parse::<TraceParent>().unwrap().child(id);
        assert_eq!(
            child.to_string(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01"
        );
    }

    #[test]
    fn what_cannot_be_read_begins_a_new_trace() {
        for wrong in [
            "",
            "00-0-0-00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(
                wrong.parse::<TraceParent>(),
                Err(NotATraceParent),
                "{wrong}"
            );
            let id = Uuid::from_u128(0xab << 64 | 9);
            assert_eq!(continued(Some(wrong), id), TraceParent::begin(id));
        }
    }

    #[test]
    fn even_the_nil_id_makes_a_valid_trace() {
        let text = TraceParent::begin(Uuid::nil()).to_string();
        assert!(text.parse::<TraceParent>().is_ok(), "{text}");
    }
}
