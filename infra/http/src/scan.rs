//! What every JSON body must keep to, whatever its shape: no U+0000 anywhere, and integers that every reader can hold.
//!
//! One pass over the bytes, before they are parsed: the parser would take both.

use event_schemas::INTEGER_LIMIT;

use crate::problem::{MALFORMED, Problem};

/// Sixteen digits is where integers begin to pass 2^53.
const SAFE_DIGITS: usize = 15;

/// Finds what a body must not hold.
pub(crate) fn body(bytes: &[u8]) -> Result<(), Problem> {
    let mut in_text = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            0 => return Err(zero("the body")),
            b'"' => in_text = !in_text,
            // An escape: what follows it is no quote and no other escape.
            b'\\' if in_text => {
                if bytes[at + 1..].starts_with(b"u0000") {
                    return Err(zero("a text in the body"));
                }
                at += 1;
            }
            b'0'..=b'9' if !in_text => {
                let length = number_length(&bytes[at..]);
                integer(&bytes[at..at + length])?;
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Refuses U+0000 in a text that came outside a body.
pub(crate) fn text(what: &str, text: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return Err(zero(what));
    }
    Ok(())
}

fn zero(what: &str) -> Problem {
    Problem::new(
        &MALFORMED,
        format!("{what} holds the character U+0000, which cannot be stored: leave it out"),
    )
}

fn number_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        .count()
}

/// A number with a fraction or an exponent is no integer; its field's type judges it.
fn integer(number: &[u8]) -> Result<(), Problem> {
    if number.len() <= SAFE_DIGITS || !number.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    let number = std::str::from_utf8(number).expect("digits are text");
    if number.parse().is_ok_and(|value: u64| value < INTEGER_LIMIT) {
        return Ok(());
    }
    let shown: String = number.chars().take(32).collect();
    Err(Problem::new(
        &MALFORMED,
        format!(
            "the integer {shown} is too large: every integer is below 2^53 ({INTEGER_LIMIT}), so that every reader \
             can hold it"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u_0000_is_found_raw_and_escaped_and_nothing_else_is_taken_for_it() {
        for (json, fine) in [
            (r#"{"a":"b"}"#, true),
            ("{\"a\":\"\0\"}", false),
            (r#"{"a":"x\u0000"}"#, false),
            (r#"{"a\u0000":1}"#, false),
            (r#"{"a":"\\u0000"}"#, true),
            (r#"{"a":"\\\u0000"}"#, false),
            (r#"{"a":"\u00001"}"#, false),
            (r#"{"a":"\u0001"}"#, true),
            (r#"{"a":"\""}"#, true),
            (r#"{"a":"\"#, true),
        ] {
            assert_eq!(body(json.as_bytes()).is_ok(), fine, "{json}");
        }
    }

    #[test]
    fn integers_from_two_to_the_53rd_on_are_refused_in_numbers_but_not_in_texts() {
        for (json, fine) in [
            ("9007199254740991", true),
            ("9007199254740992", false),
            ("-9007199254740992", false),
            ("[1,99999999999999999999999]", false),
            (r#""9007199254740992""#, true),
            (r#"{"\"9007199254740992":1}"#, true),
            ("0.12345678901234567890", true),
            ("1e400", true),
        ] {
            assert_eq!(body(json.as_bytes()).is_ok(), fine, "{json}");
        }
    }
}
