//! Rule 4: every policy and every view is registered in `mall.rs`, under the name of its file.

use std::collections::BTreeSet;

use super::tree::{files, read, report, stem};
use crate::mall::mall;

const MALL: &str = "infra/app/src/mall.rs";

/// The context whose policies stand there: `order` for `domains/order/src/policies/….rs`.
fn context_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

fn policy_files() -> Vec<String> {
    files("domains", ".rs")
        .into_iter()
        .filter(|path| path.contains("/policies/"))
        .collect()
}

#[test]
fn every_policy_file_is_named_as_a_sentence() {
    let wrong: Vec<_> = policy_files()
        .into_iter()
        .filter(|path| !stem(path).contains("_when_"))
        .collect();
    report(&wrong, "name the file y_when_x.rs, one policy per file");
}

/// Command ids and progress are made of the name: a policy under another name would act on all of history again.
#[test]
fn every_policy_is_registered_under_the_name_of_its_file() {
    let page: String = read(MALL).split_whitespace().collect();
    let unregistered: Vec<_> = policy_files()
        .into_iter()
        .filter(|path| {
            let name = stem(path);
            !page.contains(&format!(".whenever(\"{name}\",{name})"))
                && !page.contains(&format!(".whenever(\"{name}\",{name},)"))
        })
        .collect();
    report(
        &unregistered,
        "write `.whenever(\"<file name>\", <function of that name>)` in its context in infra/app/src/mall.rs",
    );
}

#[test]
fn every_registered_policy_has_its_file_in_the_context_that_acts() {
    let files: BTreeSet<_> = policy_files()
        .iter()
        .map(|path| (context_of(path).to_owned(), stem(path).to_owned()))
        .collect();
    let mut wrong = Vec::new();
    for context in mall().contexts() {
        for policy in context.policies() {
            if !files.contains(&(context.name().to_owned(), policy.name().to_owned())) {
                wrong.push(format!("{} in context {}", policy.name(), context.name()));
            }
            if context
                .kinds()
                .iter()
                .all(|kind| kind.name() != policy.asks())
            {
                wrong.push(format!(
                    "{} asks {}, which is none of context {}'s aggregates",
                    policy.name(),
                    policy.asks(),
                    context.name()
                ));
            }
        }
    }
    report(
        &wrong,
        "a policy stands in domains/<context that acts>/src/policies/<name>.rs and asks its own context's aggregates",
    );
}

#[test]
fn every_view_file_is_registered_under_its_name() {
    let files: BTreeSet<_> = files("projections/src", ".rs")
        .iter()
        // One file per view; what a view is split into stands in a folder of its name.
        .filter(|path| path.matches('/').count() == 2)
        .map(|path| stem(path).to_owned())
        .filter(|name| name != "lib")
        .collect();
    let registered: BTreeSet<_> = mall()
        .views()
        .iter()
        .map(|view| view.name().to_owned())
        .collect();
    let wrong: Vec<_> = files
        .symmetric_difference(&registered)
        .map(|name| {
            let which = if files.contains(name) {
                "has a file and is not registered"
            } else {
                "is registered and has no file"
            };
            format!("view {name} {which}")
        })
        .collect();
    report(
        &wrong,
        "one view is one file, projections/src/<name>.rs, and one `.view(<name>())` in infra/app/src/mall.rs",
    );
}

/// An event that no aggregate of the mall says would have no owner, no topic and no reader.
#[test]
fn every_list_of_events_has_an_owner() {
    let mall = mall();
    let owned: BTreeSet<_> = mall.aggregates().collect();
    let mut wrong = Vec::new();
    for path in files("event-schemas/src", ".rs") {
        for said in read(&path).lines().filter_map(list_of) {
            if !owned.contains(said.as_str()) {
                wrong.push(format!("{path}: events of {said:?} are said by nobody"));
            }
        }
    }
    report(
        &wrong,
        "register the aggregate that says them in infra/app/src/mall.rs",
    );
}

/// The aggregate's name in a line such as `StockEvent of "stock" by Sku: …`.
fn list_of(line: &str) -> Option<String> {
    let (name, rest) = line.trim().split_once(" of \"")?;
    let is_list = name.ends_with("Event") && name.chars().all(char::is_alphanumeric);
    let (aggregate, rest) = rest.split_once('"')?;
    (is_list && rest.trim_start().starts_with("by ")).then(|| aggregate.to_owned())
}
