//! Why there is no local pair.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::fetch::FetchError;
use crate::folders::FolderError;
use crate::server::ServerError;

/// Why there is no local pair.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalError {
    /// There is no place for the data.
    #[error("no place for the data")]
    Folder(#[from] FolderError),
    /// Another process has the folder.
    #[error("{folder} is in use by {}; stop it first, or choose another folder with --data", describe(*.holder))]
    Held {
        /// The folder of the data.
        folder: PathBuf,
        /// The process that has it, if it says so.
        holder: Option<u32>,
    },
    /// The servers could not be fetched.
    #[error("could not fetch the local servers")]
    Fetch(#[from] FetchError),
    /// A server did not start.
    #[error("could not start a local server")]
    Server(#[from] ServerError),
    /// A file in the folder could not be read, written or removed.
    #[error("could not {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn describe(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("the process {pid}"),
    )
}

impl LocalError {
    pub(super) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}
