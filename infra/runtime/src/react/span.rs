//! What a policy does is seen under one span, with the ids that lead from a person's command to here.

use event_schemas::{Envelope, Metadata};
use tracing::Span;

/// The span of one policy hearing one event.
#[must_use]
pub fn heard(context: &str, policy: &str, told: &Envelope, metadata: &Metadata) -> Span {
    tracing::info_span!(
        "context.policy",
        context,
        policy,
        event = %told.name,
        event_id = %told.event_id,
        position = told.position,
        aggregate = %told.aggregate,
        id = %told.id,
        correlation_id = %metadata.correlation_id,
        traceparent = metadata.traceparent.as_deref(),
    )
}
