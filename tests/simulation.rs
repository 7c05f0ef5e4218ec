//! The simulation: this slice of the mall on the memory adapters, two processes side by side, under one seed. A seed
//! decides who asks what when, what is slow, what fails, who crashes and what is restored; after each run the laws are
//! checked against what is stored and what was answered.
//!
//! `JANGBU_SEEDS=5000` runs more seeds than usual, `JANGBU_SEED=17` runs that one alone.

/// The mall itself: the very file the binary is built from, compiled in so that no vendor is.
#[path = "../infra/app/src/mall.rs"]
mod mall;

mod simulation {
    mod run;

    mod world;
    mod process;
    mod customer;
    mod chaos;
    mod operator;

    mod laws;
    mod history;

    mod weather;
    mod dice;

    mod tests;
}
