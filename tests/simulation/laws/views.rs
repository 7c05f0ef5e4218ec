//! Law 4. Views equal the fold of the stored events, and each view rebuilt from zero equals the live one.

use std::collections::HashMap;
use std::sync::Arc;

use jangbu_runtime::memory::store::NoFaults;
use jangbu_runtime::ports::{Documents, Query, Sort};
use jangbu_runtime::project::{ProjectOptions, Rebuild, definition_of, rebuild};
use kernel::Projection;
use tokio_util::sync::CancellationToken;

use super::{Broken, Evidence};
use crate::simulation::world::World;

/// Key and document, in the order of the keys.
type Rows = Vec<(String, String)>;

pub(super) async fn equal_the_fold(evidence: &Evidence<'_>, broken: &mut Broken) {
    for view in evidence.world.system.views() {
        let name = view.name();
        let expected = fold(&**view, evidence);
        let live = stand(&**view, evidence.world).await;
        broken.unless(live == expected, || {
            format!("view {name} is not the fold of the events:\n  {live:?}\n  {expected:?}")
        });
        let again = Rebuild {
            view: Arc::clone(view),
            documents: Arc::new(evidence.world.documents.connect(Arc::new(NoFaults))),
            store: evidence.world.store(),
            options: ProjectOptions {
                build_batch_events: 13,
                ..ProjectOptions::default()
            },
        };
        let rebuilt = rebuild(&again, &mut |_| {}, &CancellationToken::new()).await;
        broken.unless(rebuilt.is_ok(), || {
            format!("view {name} cannot be rebuilt: {rebuilt:?}")
        });
        let rebuilt = stand(&**view, evidence.world).await;
        broken.unless(rebuilt == live, || {
            format!("view {name} rebuilt from zero is another one:\n  {rebuilt:?}\n  {live:?}")
        });
    }
}

fn fold(view: &dyn Projection, evidence: &Evidence<'_>) -> Rows {
    let mut batch = view.batch();
    for event in &evidence.events {
        batch
            .hear(event)
            .expect("the mall's views read the mall's events");
    }
    let changes = batch
        .fold(HashMap::new())
        .expect("nothing stands in the way");
    let mut rows: Rows = changes
        .into_iter()
        .filter_map(|change| Some((change.key, text(change.document?))))
        .collect();
    rows.sort();
    rows
}

async fn stand(view: &dyn Projection, world: &World) -> Rows {
    let all = Query {
        bounds: Vec::new(),
        sort: Sort::default(),
        after: None,
        limit: usize::MAX,
    };
    let page = world
        .documents
        .page(&definition_of(view), &all)
        .await
        .expect("nothing disturbs it");
    page.value
        .rows
        .into_iter()
        .map(|row| (row.key, text(row.document)))
        .collect()
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("a document is JSON")
}
