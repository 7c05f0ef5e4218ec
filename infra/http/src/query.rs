//! Query strings: each parameter once, and what is common to all of them.

use crate::catalogue::quoted;
use crate::problem::{MALFORMED, Problem};
use crate::scan;

/// Rows or events of a page, at most.
pub(crate) const LARGEST_LIMIT: usize = 1_000;

/// All parameters, each at most once.
pub(crate) fn parameters(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut read: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        scan::text("the query", &name)?;
        scan::text("the query", &value)?;
        if read.iter().any(|(known, _)| *known == name) {
            return Err(wrong(&name, "is there twice: give it once"));
        }
        read.push((name.into_owned(), value.into_owned()));
    }
    Ok(read)
}

/// A parameter that cannot be taken as it is.
pub(crate) fn wrong(name: &str, what: &str) -> Problem {
    let name = quoted(name);
    Problem::new(&MALFORMED, format!("{name} {what}")).with("parameter", name)
}

/// A limit within bounds.
pub(crate) fn limit(value: &str) -> Result<usize, Problem> {
    match value.parse() {
        Ok(limit) if (1..=LARGEST_LIMIT).contains(&limit) => Ok(limit),
        _ => {
            let allowed = format!("is a whole number from 1 to {LARGEST_LIMIT}");
            Err(wrong("limit", &allowed))
        }
    }
}
