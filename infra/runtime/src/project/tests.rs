//! Views on the memory adapters.

mod bench;

mod crash;
mod leases;
mod live;
mod rebuild;
mod stop;
mod storm;
mod versions;
mod views;
