//! An aggregate: a state and two pure functions, `decide` and `apply`.

use event_schemas::{AggregateId, EventList, Spoken};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Decision};

/// Something that is asked by commands and answers with past facts.
///
/// `decide` and `apply` are pure: no clock, no randomness, no outside. What they need of the world stands in the
/// command and in [`Context`].
pub trait Aggregate:
    Default + Clone + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// Stream, topic, URL segment, metric label: `stock`.
    const NAME: &'static str;
    /// The commands (kebab case) that only policies and workers give; a person hears 403 `policy_only`.
    const FOR_POLICIES: &'static [&'static str] = &[];

    /// Raise it when `apply` comes to mean something else for the same state: older snapshots are dropped then.
    /// (They are dropped by themselves when the state's shape changes.)
    const STATE_VERSION: u32 = 1;

    /// The typed id; its text is the stream id.
    type Id: AggregateId;
    /// What it can be asked.
    type Command: Command;
    /// What it can say.
    type Event: EventList + Spoken<Id = Self::Id>;
    /// Why it says no to a person. Serialised it is `{"type": …, …fields}`; its text is the `detail` that says what to do.
    type Rejection: std::error::Error + Serialize + JsonSchema + Send + Sync + 'static;

    /// Answers a command from what was decided before. Asked twice, it says nothing the second time.
    fn decide(&self, command: Self::Command, context: &Context) -> Decision<Self>;

    /// Takes in a fact. It never refuses and computes no rule.
    fn apply(&mut self, event: &Self::Event);
}

/// A list of commands: an enum of struct variants, serialised with the variant's name in kebab case.
pub trait Command:
    Clone + std::fmt::Debug + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The command's name, as in the URL: `change-address`.
    fn name(&self) -> &'static str {
        serde_variant::to_variant_name(self).expect("a list of commands is an enum")
    }
}

impl<T> Command for T where
    T: Clone + std::fmt::Debug + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
}
