//! From the engine's and the store's failures to problems.

use jangbu_runtime::execute::Failure;
use jangbu_runtime::ports::StoreError;
use jangbu_runtime::project::ViewError;
use uuid::Uuid;

use super::*;

const AGAIN: &str = "ask again after Retry-After, with the same Idempotency-Key if you gave one";

impl Problem {
    /// Why a command has no answer. `expected` is what the caller insisted on.
    pub(crate) fn of_failure(failure: Failure, command_id: Uuid, expected: Option<u64>) -> Self {
        let problem = match failure {
            Failure::Overloaded => Self::new(
                &OVERLOADED,
                format!("too many commands are waiting and nothing was done: {AGAIN}"),
            ),
            Failure::Unavailable => Self::new(
                &UNAVAILABLE,
                format!("the event store cannot be reached and nothing was done: {AGAIN}"),
            ),
            Failure::Late => Self::new(
                &LATE,
                format!("the command's turn did not come in time and nothing was done: {AGAIN}"),
            ),
            Failure::ShuttingDown => Self::new(
                &SHUTTING_DOWN,
                format!("this process is shutting down and nothing was done: {AGAIN}"),
            ),
            Failure::OutcomeUnknown => Self::new(
                &OUTCOME_UNKNOWN,
                format!(
                    "the command may or may not have been carried out: ask again with Idempotency-Key {command_id}, \
                     which carries it out at most once and gives the first answer"
                ),
            ),
            Failure::CommandIdReused => Self::new(
                &COMMAND_ID_REUSED,
                "this command id was carried out before for something else: use a new Idempotency-Key for a new \
                 command, and the same one only to repeat the same command",
            ),
            Failure::VersionMismatch { actual } => mismatch(expected, actual),
            Failure::RefusedAsData(why) => Self::new(
                &REFUSED_AS_DATA,
                format!("the store will never take this command's data: {why}"),
            ),
            Failure::Forked(why) => forked(&why),
            Failure::Defect(_) | Failure::PolicyRefused(_) | Failure::Revoked => {
                tracing::error!(%command_id, %failure, "a command met a defect");
                return Self::internal(&command_id.to_string());
            }
        };
        problem.with("command_id", command_id.to_string())
    }

    /// Why a question has no answer.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        if let StoreError::Forked { .. } = error {
            return forked(&error.to_string());
        }
        if error.is_transient() {
            tracing::warn!(error = chain(error), "the store cannot be reached");
            return Self::new(
                &UNAVAILABLE,
                "the store cannot be reached: ask again after Retry-After",
            );
        }
        let reference = Uuid::now_v7().to_string();
        tracing::error!(
            reference,
            error = chain(error),
            "the store refused a question"
        );
        Self::internal(&reference)
    }

    /// Why a view has no answer. (That there is no such view is known before it is asked.)
    pub(crate) fn of_view(error: ViewError) -> Self {
        match error {
            ViewError::Unknown(name) => Self::new(
                &UNKNOWN_VIEW,
                format!("there is no view {name:?}: /openapi.json lists the views"),
            ),
            ViewError::Building { view, position } => Self::new(
                &VIEW_BUILDING,
                format!("{view} is being built for the first time and stands at {position}: ask again later"),
            )
            .with("position", position),
            ViewError::Behind {
                view,
                asked,
                reached,
                stopped,
            } => behind(view, asked, reached, stopped.map(|(at, _)| at)),
            ViewError::BeyondHead { asked, head } => Self::beyond_head(asked, head),
            ViewError::Store(error) => Self::of_store(&error),
        }
    }

    /// A position that the store does not reach.
    pub(crate) fn beyond_head(asked: u64, head: u64) -> Self {
        Self::new(
            &POSITION_BEYOND_HEAD,
            format!(
                "position {asked} does not exist, the store reaches to {head}: give a position that an answer told you"
            ),
        )
        .with("head", head)
    }

    /// Something is broken here; the log knows what, under this reference.
    pub(crate) fn internal(reference: &str) -> Self {
        Self::new(
            &INTERNAL,
            format!("this is a defect of ours: report it with reference {reference}, under which the log knows more"),
        )
        .with("reference", reference)
    }
}

fn mismatch(expected: Option<u64>, actual: u64) -> Problem {
    let problem = Problem::new(
        &VERSION_MISMATCH,
        format!(
            "the aggregate stands at version {actual}: look at it again, then send the command with \
             Expected-Version {actual}, or without one"
        ),
    )
    .with("actual", actual);
    match expected {
        Some(expected) => problem.with("expected", expected),
        None => problem,
    }
}

fn behind(view: &str, asked: u64, reached: u64, stopped: Option<u64>) -> Problem {
    let missing = asked.saturating_sub(reached);
    let todo = match stopped {
        Some(at) => format!(
            "it stopped at {at} and goes on once an operator has looked; without Min-Position its last state is shown"
        ),
        None => "ask again, or wait longer with Prefer: wait=10 (at most 30)".to_owned(),
    };
    let problem = Problem::new(
        &VIEW_BEHIND,
        format!("{view} stands at {reached}, {missing} before {asked}: {todo}"),
    )
    .with("position", reached)
    .with("behind", missing);
    match stopped {
        Some(at) => problem.with("stopped", at),
        None => problem,
    }
}

fn forked(why: &str) -> Problem {
    tracing::error!(why, "history was changed under us");
    Problem::new(
        &HISTORY_FORKED,
        "the store was restored to another history, so nothing is done until an operator has looked: `jangbu repair \
         fork` says what differs and accepts it",
    )
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
