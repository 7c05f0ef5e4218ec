//! The rules of the tree, each proved here without a service running: who may know whom, who may name a vendor, what a
//! domain may not do, and that everything which exists is registered. A failure says how to mend it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

/// The mall itself: the very file the binary is built from, compiled in so that no vendor is.
#[path = "../infra/app/src/mall.rs"]
mod mall;

mod architecture {
    mod tree;

    mod tiers;
    mod vendors;
    mod purity;
    mod registered;
    mod files;
    mod documents;
}
