//! The same wishes in the words of either mall.

use uuid::Uuid;

use crate::http::{Request, get, post};

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
