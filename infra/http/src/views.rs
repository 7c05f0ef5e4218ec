//! Views over HTTP: one document, or a page of them, each answer with the position that it is the exact state of.

mod answer;
mod cursor;
mod one;
mod page;
mod query;
mod read;

pub(crate) use one::one;
pub(crate) use page::page;
