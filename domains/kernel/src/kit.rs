//! The test kit of a domain: what an aggregate decides, what a policy asks, what a view shows, each in one breath.

mod aggregate;
mod policy;
mod view;

pub use aggregate::{Answered, Given, context, given};
pub use policy::{Asked, Whenever, whenever};
pub use view::{Shown, show};
