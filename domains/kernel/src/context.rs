//! What of the world a decision may see.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Who gave a command: a person's id, `policy:<name>`, `timer:<name>` or `worker:<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor(String);

impl Actor {
    /// An actor by its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The policy of that name.
    #[must_use]
    pub fn policy(name: &str) -> Self {
        Self(format!("policy:{name}"))
    }

    /// The actor's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Anybody but a policy, a timer or a worker.
    #[must_use]
    pub fn is_person(&self) -> bool {
        !["policy:", "timer:", "worker:"]
            .iter()
            .any(|kind| self.0.starts_with(kind))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Time, actor and command id, handed to `decide` so that it needs no clock and no randomness.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the decision is taken. The fact's own time is `recorded_at`, given by the store.
    pub now: DateTime<Utc>,
    /// Who asks.
    pub actor: Actor,
    /// The command's id; an id is carried out at most once.
    pub command_id: Uuid,
}
