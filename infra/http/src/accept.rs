//! Which of the content types that can be given the caller likes best (`Accept`, RFC 9110).

use axum::http::{HeaderMap, header};

use crate::problem::{NOT_ACCEPTABLE, Problem};

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const SSE: &str = "text/event-stream";
pub(crate) const CLOUD_EVENT: &str = "application/cloudevents+json";

/// The best of what is offered; the first where the caller does not mind. What admits problems only still gets JSON,
/// as its answer may be one.
pub(crate) fn best(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let accepted: Vec<(&str, u16)> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    if accepted.is_empty() {
        return Ok(offered[0]);
    }
    let mut best: Option<(&'static str, u16)> = None;
    for kind in offered {
        let quality = quality(kind, &accepted);
        if quality > best.map_or(0, |(_, best)| best) {
            best = Some((kind, quality));
        }
    }
    best.map(|(kind, _)| kind).ok_or_else(|| {
        Problem::new(
            &NOT_ACCEPTABLE,
            format!("ask with Accept: {}", offered.join(" or ")),
        )
        .with("offered", offered.to_vec())
    })
}

/// A media range and its quality in thousandths.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';');
    let range = parts.next()?.trim();
    let quality = parts
        .filter_map(|parameter| parameter.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(1_000, |(_, quality)| thousandths(quality.trim()));
    (!range.is_empty()).then_some((range, quality))
}

/// `0.85` is 850; what cannot be read is 1.
fn thousandths(quality: &str) -> u16 {
    match quality.split_once('.') {
        Some(("0", digits)) => format!("{digits:0<3.3}").parse().unwrap_or(1_000),
        None if quality == "0" => 0,
        _ => 1_000,
    }
}

/// The quality of the most specific range that a content type falls into.
fn quality(kind: &str, accepted: &[(&str, u16)]) -> u16 {
    let family = kind.split('/').next().unwrap_or_default();
    accepted
        .iter()
        .filter_map(|(range, quality)| {
            let closeness = if range.eq_ignore_ascii_case(kind) {
                3
            } else if range.strip_suffix("/*") == Some(family) {
                2
            } else if *range == "*/*" {
                1
            } else {
                return None;
            };
            Some((closeness, *quality))
        })
        .max()
        .map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_caller_gets_what_they_like_best_of_what_there_is() {
        let offered = [JSON, NDJSON, SSE];
        for (accept, expected) in [
            ("", Some(JSON)),
            ("*/*", Some(JSON)),
            ("text/event-stream", Some(SSE)),
            ("text/*", Some(SSE)),
            ("application/*;q=0.2, text/event-stream;q=0.1", Some(JSON)),
            ("application/json;q=0.5, application/x-ndjson", Some(NDJSON)),
            ("application/json;q=0, */*;q=0.1", Some(NDJSON)),
            ("APPLICATION/JSON", Some(JSON)),
            ("image/png", None),
            ("application/json;q=0", None),
        ] {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(best(&headers, &offered).ok(), expected, "{accept}");
        }
    }
}
