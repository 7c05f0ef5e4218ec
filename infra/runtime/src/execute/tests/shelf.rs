//! A small aggregate to try the engine on: a shelf from which pieces are taken, each taker once.

use std::collections::BTreeSet;

use event_schemas::events;
use kernel::{Aggregate, Context, Decision, nothing, refuse, says};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PiecesPut {
    pub(super) pieces: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PieceTaken {
    pub(super) by: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PieceGivenBack {
    pub(super) by: u32,
}

events! {
    /// What a shelf says.
    ShelfEvent of "shelf" by String: PiecesPut v1, PieceTaken v1, PieceGivenBack v1
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ShelfCommand {
    Put { pieces: u64 },
    Take { by: u32 },
    GiveBack { by: u32 },
    Panic {},
    Bloat { bytes: usize },
}

#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ShelfRejection {
    #[error("nothing is left; put some first")]
    Empty { taken: usize },
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Shelf {
    pub(super) left: u64,
    pub(super) takers: BTreeSet<u32>,
    pub(super) blob: String,
}

impl Aggregate for Shelf {
    const NAME: &'static str = "shelf";
    type Id = String;
    type Command = ShelfCommand;
    type Event = ShelfEvent;
    type Rejection = ShelfRejection;

    fn decide(&self, command: ShelfCommand, _: &Context) -> Decision<Self> {
        match command {
            ShelfCommand::Put { pieces } => says(PiecesPut { pieces }),
            ShelfCommand::Take { by } if self.takers.contains(&by) => nothing(),
            ShelfCommand::Take { .. } if self.left == 0 => refuse(ShelfRejection::Empty {
                taken: self.takers.len(),
            }),
            ShelfCommand::Take { by } => says(PieceTaken { by }),
            ShelfCommand::GiveBack { by } if !self.takers.contains(&by) => nothing(),
            ShelfCommand::GiveBack { by } => says(PieceGivenBack { by }),
            ShelfCommand::Panic {} => panic!("the shelf fell down"),
            ShelfCommand::Bloat { .. } => (0..60_000)
                .fold(says(PiecesPut { pieces: 1 }), |d, _| {
                    d.and(PiecesPut { pieces: 1 })
                }),
        }
    }

    fn apply(&mut self, event: &ShelfEvent) {
        match event {
            ShelfEvent::PiecesPut(e) => self.left += e.pieces,
            ShelfEvent::PieceTaken(e) => {
                self.left -= 1;
                self.takers.insert(e.by);
            }
            ShelfEvent::PieceGivenBack(e) => {
                self.left += 1;
                self.takers.remove(&e.by);
            }
        }
    }
}
