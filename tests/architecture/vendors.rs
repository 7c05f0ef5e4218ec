//! Rule 2: a vendor is named in one place. `infra/local`, `infra/bench` and `tests` may use what they drive.

use super::tree::{packages, report};

/// Vendor, and who may name it.
const HOMES: [(&str, &[&str]); 5] = [
    ("rdkafka", &["infra/kafka", "infra/consumer"]),
    ("sqlx", &["infra/postgres"]),
    ("postgres-es", &["infra/postgres"]),
    ("axum", &["infra/http"]),
    ("metrics-exporter-prometheus", &["infra/telemetry"]),
];

const DRIVERS: [&str; 3] = ["infra/local", "infra/bench", "tests"];

#[test]
fn a_vendor_is_named_in_one_place() {
    let mut wrong = Vec::new();
    for (folder, package) in packages() {
        for (vendor, homes) in HOMES {
            let names_it = package.dependencies.iter().any(|to| to.name == vendor);
            let may = homes.contains(&folder.as_str()) || DRIVERS.contains(&folder.as_str());
            if names_it && !may {
                wrong.push(format!(
                    "{folder} names {vendor}, which stands in {} only",
                    homes[0]
                ));
            }
        }
    }
    report(
        &wrong,
        "use the port in infra/runtime/src/ports instead, and let the vendor's own crate implement it; an exception \
         needs a decision in docs/decisions/ first",
    );
}
