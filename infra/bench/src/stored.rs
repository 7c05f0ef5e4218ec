//! A store that the sides of a scenario share: filled by whoever comes first, kept until the scenario is over.

use std::sync::Arc;

use anyhow::Result;
use jangbu_postgres::testing::Fresh;
use tokio::sync::OnceCell;

use crate::bench::Bench;
use crate::loader::filled;

/// Events of each stock of a filled store.
pub const EACH: u64 = 10;

/// A store of so many events, not filled before it is needed.
#[derive(Clone)]
pub struct Stored {
    /// How many events it holds.
    pub events: u64,
    cell: Arc<OnceCell<Fresh>>,
}

impl Stored {
    /// To be filled with so many events.
    #[must_use]
    pub fn new(events: u64) -> Self {
        Self {
            events,
            cell: Arc::default(),
        }
    }

    /// Of how many stocks they are.
    #[must_use]
    pub fn stocks(&self) -> u64 {
        (self.events / EACH).max(1)
    }

    /// The store.
    pub async fn get(&self, bench: &Bench) -> Result<&Fresh> {
        let fill = async {
            bench.say(&format!("filling a store with {} events", self.events));
            filled(bench, self.events, self.stocks()).await
        };
        self.cell.get_or_try_init(|| fill).await
    }
}
