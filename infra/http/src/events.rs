//! Events over HTTP: one, a page, or a stream, each in the words of CloudEvents (architecture, section 10).

mod many;
mod one;
mod query;
mod stream;

pub(crate) use many::many;
pub(crate) use one::one;
