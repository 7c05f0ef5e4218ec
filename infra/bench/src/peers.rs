//! What we are compared with, each written the way its own documentation shows, and as fast as that library goes.

pub mod bare_append;
pub mod plain_stock;
pub mod postgres_es;
pub mod raw_rows;

pub mod axum_mall;
pub mod floor;
pub mod outbox;
pub mod producers;
