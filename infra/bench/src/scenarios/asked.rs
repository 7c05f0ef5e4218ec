//! The same wishes in the words of either mall.

use std::time::{Duration, Instant};

use anyhow::Result;
use uuid::Uuid;

use crate::http::{Answer, Client, Request, get, post};

/// How long a view may be built for the first time.
const BUILT_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(20);

/// Whom is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// `jangbu run`
    Ours,
    /// The peer behind axum.
    Peer,
}

impl Whom {
    /// Receives one piece of a SKU.
    #[must_use]
    pub fn receive(self, sku: &str, quantity: u64) -> Request {
        match self {
            Self::Ours => post(
                format!("/commands/stock/{sku}/receive"),
                format!(r#"{{"quantity":{quantity}}}"#),
            ),
            Self::Peer => post(
                format!("/stock/{sku}"),
                format!(r#"{{"receive":{{"quantity":{quantity}}}}}"#),
            ),
        }
    }

    /// Holds one piece of a SKU for an order of its own.
    #[must_use]
    pub fn hold(self, sku: &str) -> Request {
        let order = Uuid::now_v7();
        let hold = format!(r#"{{"order":"{order}","quantity":1}}"#);
        match self {
            Self::Ours => post(format!("/commands/stock/{sku}/hold"), hold),
            Self::Peer => post(format!("/stock/{sku}"), format!(r#"{{"hold":{hold}}}"#)),
        }
    }

    /// Shows what there is of a SKU.
    #[must_use]
    pub fn show(self, sku: &str) -> Request {
        match self {
            Self::Ours => get(format!("/views/stock_levels/{sku}")),
            Self::Peer => get(format!("/stock/{sku}")),
        }
    }
}

/// Shows what there is of a SKU in ours, no older than a position; also where the view is only just being built.
pub async fn show_when_built(client: &mut Client, sku: &str, position: u64) -> Result<Answer> {
    let begun = Instant::now();
    loop {
        let show = Whom::Ours.show(sku).at_least(position);
        let answer = client.ask(&show).await?;
        if answer.status != 503 || begun.elapsed() > BUILT_WITHIN {
            return answer.must_be(200);
        }
        tokio::time::sleep(LOOK).await;
    }
}
