//! All scenarios, in the order of the promises. One file each.

mod f1_many_stocks;
mod f2_hot_stock;
mod f3_append;
mod f4_created;
mod f5_relay;
mod f6_visible;
mod f7_rebuild;
mod f8_verify;
mod f9_growth;
mod f10_idle;

mod mixed;
mod two_processes;
mod together;

mod asked;
mod site;

use crate::scenario::Scenario;

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    vec![
        f1_many_stocks::scenario(),
        f2_hot_stock::scenario(),
        f3_append::scenario(),
        f4_created::scenario(),
        f5_relay::scenario(),
        f6_visible::scenario(),
        f7_rebuild::scenario(),
        f8_verify::scenario(),
        f9_growth::scenario(),
        f10_idle::scenario(),
        mixed::scenario(),
        two_processes::scenario(),
        together::scenario(),
    ]
}
