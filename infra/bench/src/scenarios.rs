//! All scenarios, in the order of the promises. One file each.

use crate::scenario::Scenario;

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    vec![]
}
