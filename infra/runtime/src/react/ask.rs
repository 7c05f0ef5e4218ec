//! What a policy asks on hearing an event, ready to be submitted.

use event_schemas::{Envelope, Metadata};
use kernel::Actor;
use tokio::time::Instant;

use super::item::Fault;
use super::span;
use crate::execute::{Origin, RunToken, Submission};
use crate::system::{Policy, PolicyError};

/// Lets a policy hear an event. It bears the run's token and the correlation and trace of what it heard.
pub(super) fn submissions(
    context: &str,
    policy: &Policy,
    told: &Envelope,
    metadata: &Metadata,
    token: &RunToken,
    deadline: Instant,
) -> Result<Vec<Submission>, Fault> {
    let asks = span::heard(context, policy.name(), told, metadata)
        .in_scope(|| policy.react(told))
        .map_err(|error| fault(&error))?;
    let correlation_id = if metadata.correlation_id.is_empty() {
        // An adopted event has none: what comes of it belongs together all the same.
        told.event_id.to_string()
    } else {
        metadata.correlation_id.clone()
    };
    Ok(asks
        .into_iter()
        .map(|asked| Submission {
            stream: asked.stream,
            command: asked.command,
            command_id: asked.command_id,
            actor: Actor::policy(policy.name()),
            correlation_id: correlation_id.clone(),
            causation_id: Some(told.event_id),
            reason: None,
            traceparent: metadata.traceparent.clone(),
            expected_version: None,
            deadline,
            origin: Origin::Policy(token.clone()),
        })
        .collect())
}

fn fault(error: &PolicyError) -> Fault {
    let is_unknown =
        matches!(error, PolicyError::Unreadable(unreadable) if unreadable.is_unknown());
    Fault::Never {
        why: chain(error),
        is_unknown,
    }
}

/// An error with all that caused it, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
