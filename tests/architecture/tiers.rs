//! Rule 1: `event-schemas < kernel < domains < projections < infra < tests`; no edge upward, none between two domains.

use super::tree::{Package, packages, report};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    EventSchemas,
    Kernel,
    Domain,
    Projections,
    Infra,
    Tests,
}

fn tier(folder: &str) -> Option<Tier> {
    match folder {
        "event-schemas" => Some(Tier::EventSchemas),
        "domains/kernel" => Some(Tier::Kernel),
        "projections" => Some(Tier::Projections),
        "tests" => Some(Tier::Tests),
        _ if folder.starts_with("domains/") => Some(Tier::Domain),
        _ if folder.starts_with("infra/") => Some(Tier::Infra),
        _ => None,
    }
}

/// Every edge with the folders of both ends.
fn each_edge(mut look: impl FnMut(&Package, &str, &str, bool)) {
    let packages = packages();
    for (folder, package) in &packages {
        for edge in package.edges() {
            let to = packages
                .iter()
                .find(|(_, other)| other.name == edge.name)
                .map(|(folder, _)| folder.as_str())
                .unwrap_or_else(|| panic!("{} depends on a path outside the tree", package.name));
            look(package, folder, to, edge.is_of_tests());
        }
    }
}

#[test]
fn every_crate_stands_in_a_tier() {
    let homeless: Vec<_> = packages()
        .into_keys()
        .filter(|folder| tier(folder).is_none())
        .collect();
    report(
        &homeless,
        "move the crate into event-schemas/, domains/, projections/, infra/ or tests/; a new tier is a decision \
         (docs/decisions/) and a line in tests/architecture/tiers.rs",
    );
}

#[test]
fn no_edge_goes_upward() {
    let mut wrong = Vec::new();
    each_edge(|_, from, to, _| {
        let (low, high) = (tier(to), tier(from));
        if low > high || (low == high && low != Some(Tier::Infra) && low != Some(Tier::Domain)) {
            wrong.push(format!("{from} depends on {to}"));
        }
    });
    report(
        &wrong,
        "a tier knows only those before it (event-schemas < kernel < domains < projections < infra < tests): move what \
         is shared downward, mostly into event-schemas, or turn the call around into an event",
    );
}

#[test]
fn no_domain_knows_another() {
    let mut wrong = Vec::new();
    each_edge(|_, from, to, of_tests| {
        if tier(from) == Some(Tier::Domain) && tier(to) == Some(Tier::Domain) {
            let how = if of_tests { " in its tests" } else { "" };
            wrong.push(format!("{from} depends on {to}{how}"));
        }
    });
    report(
        &wrong,
        "contexts meet in event-schemas only: let the one say an event and the other hear it in a policy; a test of two \
         contexts together belongs into tests/",
    );
}

/// The page where everything meets is `mall.rs`; beneath it the chassis and its adapters carry any mall.
#[test]
fn the_chassis_and_its_adapters_know_no_context() {
    let mut wrong = Vec::new();
    each_edge(|_, from, to, of_tests| {
        let joins = matches!(from, "infra/app" | "infra/bench") || tier(from) != Some(Tier::Infra);
        let is_mall = matches!(tier(to), Some(Tier::Domain | Tier::Projections));
        if !joins && is_mall && !of_tests {
            wrong.push(format!("{from} depends on {to}"));
        }
    });
    report(
        &wrong,
        "take what is needed as a parameter (a System, a Kind, a Projection); only infra/app names the contexts",
    );
}

#[test]
fn the_chassis_knows_no_adapter_and_no_adapter_knows_another() {
    let mut wrong = Vec::new();
    each_edge(|_, from, to, of_tests| {
        let adapters = [
            "infra/runtime",
            "infra/postgres",
            "infra/kafka",
            "infra/http",
            "infra/telemetry",
            "infra/local",
        ];
        let allowed = to == "infra/runtime" || (of_tests && to == "infra/local");
        if adapters.contains(&from) && tier(to) == Some(Tier::Infra) && !allowed {
            wrong.push(format!("{from} depends on {to}"));
        }
    });
    report(
        &wrong,
        "put a trait into infra/runtime/src/ports, let the one implement it and the other take it; infra/app joins them",
    );
}
