//! What is counted while reacting.

use metrics::{counter, gauge};

use crate::execute::{Failure, Outcome};
use crate::metric_definitions as names;

pub(super) fn reacted(policy: &'static str, outcome: &Outcome) {
    let outcome = match outcome {
        Ok(_) => "stored",
        Err(
            Failure::Overloaded
            | Failure::Unavailable
            | Failure::Late
            | Failure::OutcomeUnknown
            | Failure::ShuttingDown
            | Failure::Forked(_),
        ) => "unanswered",
        Err(Failure::Revoked) => "revoked",
        Err(_) => "failed",
    };
    counter!(names::REACTIONS, "policy" => policy, "outcome" => outcome).increment(1);
}

pub(super) fn parked(context: &'static str, is_unknown: bool) {
    let why = if is_unknown { "unknown" } else { "failed" };
    counter!(names::PARKED, "context" => context, "why" => why).increment(1);
}

pub(super) fn dead_letter(context: &'static str) {
    counter!(names::DEAD_LETTERS, "context" => context).increment(1);
}

pub(super) fn duplicate(context: &'static str) {
    counter!(names::DUPLICATES, "context" => context).increment(1);
}

pub(super) fn other_history(context: &'static str) {
    counter!(names::OTHER_HISTORY, "context" => context).increment(1);
}

pub(super) fn loss(context: &'static str) {
    counter!(names::LOG_LOSSES, "context" => context).increment(1);
}

pub(super) fn refilled(context: &'static str) {
    counter!(names::REFILLED, "context" => context).increment(1);
}

pub(super) fn is_stopped(context: &'static str, is_stopped: bool) {
    let value = if is_stopped { 1.0 } else { 0.0 };
    gauge!(names::CONTEXT_STOPPED, "context" => context).set(value);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and no lag comes near 2^52"
)]
pub(super) fn lag(context: &'static str, behind: i64) {
    gauge!(names::POLICY_LAG, "context" => context).set(behind as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody parks 2^52 keys"
)]
pub(super) fn parked_keys(context: &'static str, keys: usize) {
    gauge!(names::PARKED_KEYS, "context" => context).set(keys as f64);
}
