//! Law 4: what the views show is the fold of the stored events at the position they say.

use std::collections::BTreeMap;

use kernel::Projection;
use projections::{order_status, stock_levels};
use serde_json::Value;

use super::first;
use crate::shop::Shop;
use crate::stored::Stored;

/// Rows per page; small enough that there is more than one page.
const PAGE: usize = 50;

pub(super) async fn hold(shop: &Shop, stored: &Stored) {
    holds(shop, stored, &order_status()).await;
    holds(shop, stored, &stock_levels()).await;
}

async fn holds(shop: &Shop, stored: &Stored, view: &dyn Projection) {
    let shown = shown(shop, view.name(), stored.head()).await;
    let folded = folded(view, stored);
    let differences: Vec<_> = folded
        .keys()
        .chain(shown.keys())
        .filter(|key| shown.get(*key) != folded.get(*key))
        .map(|key| {
            format!(
                "{key}: shown {:?}, folded {:?}",
                shown.get(key),
                folded.get(key)
            )
        })
        .collect();
    let name = view.name();
    assert!(
        differences.is_empty(),
        "{name} is not the fold of the ledger:\n{}",
        first(&differences)
    );
}

/// Every document by key, page by page, as of the head or later; nothing happens any more.
async fn shown(shop: &Shop, view: &str, head: u64) -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    let mut path = format!("/views/{view}?limit={PAGE}");
    loop {
        let page = shop.get_at(&path, Some(head)).await.must_be(200);
        assert_eq!(page.fact(), head, "the view stands at the head");
        for row in page.body["rows"].as_array().expect("rows") {
            let key = row["key"].as_str().expect("a key").to_owned();
            assert!(
                documents.insert(key, row["data"].clone()).is_none(),
                "a row on two pages: {row}"
            );
        }
        match page.body["next"].as_str() {
            Some(next) => path = format!("/views/{view}?limit={PAGE}&after={next}"),
            None => return documents,
        }
    }
}

fn folded(view: &dyn Projection, stored: &Stored) -> BTreeMap<String, Value> {
    let mut batch = view.batch();
    for event in &stored.events {
        batch.hear(event).expect("our own events can be heard");
    }
    let changes = batch
        .fold(Default::default())
        .expect("nothing was stored before");
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).expect("a document is JSON");
    changes
        .into_iter()
        .filter_map(|change| Some((change.key, read(change.document?))))
        .collect()
}
