//! Two small aggregates: a bell that is rung, and an echo that sounds. And the bells of a newer binary.

use event_schemas::events;
use kernel::{Aggregate, Asks, Context, Decision, Heard, ask, nothing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::system::{ContextDefinition, context};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Rang {
    pub(super) n: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Muffled {
    pub(super) n: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Dusted {}

events! {
    /// What a bell says.
    BellEvent of "bell" by String: Rang v1, Muffled v1, Dusted v1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Heeded {}

events! {
    /// What an echo says.
    EchoEvent of "echo" by String: Heeded v1
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EchoCommand {
    Sound { n: u64 },
    Hush { n: u64 },
    Mourn { n: u64 },
}

#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, JsonSchema)]
#[error("an echo never refuses")]
pub(super) struct Never;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Echo {}

impl Aggregate for Echo {
    const NAME: &'static str = "echo";
    type Id = String;
    type Command = EchoCommand;
    type Event = EchoEvent;
    type Rejection = Never;

    fn decide(&self, _: EchoCommand, _: &Context) -> Decision<Self> {
        nothing()
    }

    fn apply(&mut self, _: &EchoEvent) {}
}

/// This ring cannot be heard without a panic.
pub(super) const CRACK: u64 = 1_000_000;

fn sound_when_rang(rang: &Rang, heard: &Heard<Rang>) -> Asks<Echo> {
    assert_ne!(rang.n, CRACK, "the bell cracked");
    ask(&heard.id(), EchoCommand::Sound { n: rang.n }).into()
}

fn hush_when_muffled(muffled: &Muffled, heard: &Heard<Muffled>) -> Asks<Echo> {
    ask(&heard.id(), EchoCommand::Hush { n: muffled.n }).into()
}

fn mourn_when_rang(rang: &Rang, heard: &Heard<Rang>) -> Asks<Echo> {
    ask(&heard.id(), EchoCommand::Mourn { n: rang.n }).into()
}

pub(super) const SOUND: &str = "sound_when_rang";
pub(super) const HUSH: &str = "hush_when_muffled";
pub(super) const MOURN: &str = "mourn_when_rang";

/// Sounds and hushes.
pub(super) fn tower() -> ContextDefinition {
    context("tower")
        .whenever(SOUND, sound_when_rang)
        .whenever(HUSH, hush_when_muffled)
}

/// The tower of a newer binary, which mourns too.
pub(super) fn mourning_tower() -> ContextDefinition {
    tower().whenever(MOURN, mourn_when_rang)
}

/// Everything a tower sounds, and somebody who mourns for all that ever rang.
pub(super) fn tower_of_memory() -> ContextDefinition {
    mourning_tower().from_the_beginning()
}

fn mourn_and_sound_when_rang(rang: &Rang, heard: &Heard<Rang>) -> Asks<Echo> {
    let (id, n) = (heard.id(), rang.n);
    let asks = [EchoCommand::Mourn { n }, EchoCommand::Sound { n }];
    asks.into_iter().map(|command| ask(&id, command)).collect()
}

/// The tower whose policy came to ask for one thing more, and for that first.
pub(super) fn changed_tower() -> ContextDefinition {
    context("tower")
        .whenever(SOUND, mourn_and_sound_when_rang)
        .whenever(HUSH, hush_when_muffled)
}

/// A newer binary, in which bells may also be struck, and say how hard they rang.
pub(super) mod newer {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct Rang {
        pub n: u64,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct Struck {
        pub n: u64,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct Muffled {
        pub n: u64,
    }

    events! {
        /// What a bell says today.
        NewerBellEvent of "bell" by String: Rang v1, Struck v1, Muffled v2
    }

    fn sound_when_rang(rang: &Rang, heard: &Heard<Rang>) -> Asks<Echo> {
        ask(&heard.id(), EchoCommand::Sound { n: rang.n }).into()
    }

    fn hush_when_muffled(muffled: &Muffled, heard: &Heard<Muffled>) -> Asks<Echo> {
        ask(&heard.id(), EchoCommand::Hush { n: muffled.n }).into()
    }

    fn mourn_when_struck(struck: &Struck, heard: &Heard<Struck>) -> Asks<Echo> {
        ask(&heard.id(), EchoCommand::Mourn { n: struck.n }).into()
    }

    pub const MOURN_STRUCK: &str = "mourn_when_struck";

    /// The same sentences, and one that no older binary knows.
    pub fn tower() -> ContextDefinition {
        context("tower")
            .whenever(SOUND, sound_when_rang)
            .whenever(HUSH, hush_when_muffled)
            .whenever(MOURN_STRUCK, mourn_when_struck)
    }
}
