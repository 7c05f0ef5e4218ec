//! A request's body, read whole, within bounds of size and time, and without copying what came in one piece.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::problem::*;

/// What a command's body may weigh.
pub(crate) const BODY_BYTES: usize = 256 * 1024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Reads a body. One that says that it is too large is not read at all.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES as u64) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(
            &MALFORMED,
            "the body broke off: send it again, whole",
        )),
        Err(_) => Err(Problem::new(
            &TOO_SLOW,
            format!(
                "the body did not arrive within {} s: send it again, faster",
                BODY_TIME.as_secs()
            ),
        )),
    }
}

/// The same words wherever something is too large.
pub(crate) fn too_large() -> Problem {
    Problem::new(
        &TOO_LARGE,
        format!("a command's body has at most {BODY_BYTES} bytes: send less"),
    )
    .with("limit", BODY_BYTES)
}
