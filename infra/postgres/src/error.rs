//! What the driver's errors mean: whether a retry helps, and whether anything can have been stored.

use jangbu_runtime::ports::StoreError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// A check of the append function did not hold.
pub(crate) const CHECK_FAILED: &str = "JB001";

/// What the server itself said, if it was the server that spoke.
pub(crate) fn said(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

/// True if the server says that this statement failed: then it was rolled back, and the session lives on.
/// A FATAL error ends the session and may come at any moment, so it says nothing about the statement.
pub(crate) fn is_rolled_back(error: &sqlx::Error) -> bool {
    said(error).is_some_and(|said| said.severity() == PgSeverity::Error)
}

/// True if the same can be tried again later.
fn is_transient(error: &sqlx::Error) -> bool {
    match said(error) {
        // Connection, rollback (deadlock, serialization), resources, operator intervention, and a read-only server,
        // as a standby is until it is promoted.
        Some(said) => {
            let code = said.code();
            ["08", "40", "53", "55", "57"]
                .iter()
                .any(|class| code.starts_with(class))
                || code == "25006"
        }
        None => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
        ),
    }
}

/// The port's error for the driver's.
pub(crate) fn store_error(what: &str, error: sqlx::Error) -> StoreError {
    let transient = is_transient(&error);
    let what = match said(&error) {
        Some(said) => format!("{what}: {}", said.message()),
        None => what.to_owned(),
    };
    let source: Option<Box<dyn std::error::Error + Send + Sync>> = Some(Box::new(error));
    if transient {
        StoreError::Unreachable { what, source }
    } else {
        StoreError::Refused { what, source }
    }
}

/// It did not answer in time.
pub(crate) fn too_late(what: &str) -> StoreError {
    StoreError::Unreachable {
        what: format!("{what}: no answer in time"),
        source: None,
    }
}

/// Refused by us, before the server was asked.
pub(crate) fn refused(what: impl Into<String>) -> StoreError {
    StoreError::Refused {
        what: what.into(),
        source: None,
    }
}
