//! Why a server does not run.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::fetch::FetchError;
use crate::folders::FolderError;
use crate::log_file::LogFile;

/// Why a server does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The servers could not be fetched.
    #[error("no servers to start")]
    Fetch(#[from] FetchError),
    /// There is no place for its data.
    #[error("no place for the data")]
    Folder(#[from] FolderError),
    /// Another process has a server on this folder.
    #[error("{folder} is in use for {server} by {holder}")]
    Held {
        /// Which server.
        server: &'static str,
        /// The folder of its data.
        folder: PathBuf,
        /// The process that has it.
        holder: String,
    },
    /// Somebody else listens there.
    #[error("{server} cannot listen on 127.0.0.1:{port}: another program does")]
    PortTaken {
        /// Which server.
        server: &'static str,
        /// The port.
        port: u16,
    },
    /// A server of an earlier run lives on.
    #[error("{server} of an earlier run (pid {pid}) does not end, not even by SIGKILL")]
    Stale {
        /// Which server.
        server: &'static str,
        /// Its process.
        pid: u32,
    },
    /// What a killed predecessor left does not go away.
    #[error("{server} is kept from starting by what its predecessor left; it said:\n{said}")]
    Remains {
        /// Which server.
        server: &'static str,
        /// The end of its log.
        said: String,
    },
    /// It ended before it answered.
    #[error("{server} did not start ({status}); the end of {log}:\n{said}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        said: String,
    },
    /// It lives and does not answer.
    #[error("{server} did not answer within {seconds} s; the end of {log}:\n{said}")]
    Silent {
        /// Which server.
        server: &'static str,
        /// How long we waited.
        seconds: u64,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        said: String,
    },
    /// A program that makes a server's data failed.
    #[error("{program} failed ({status}); it said:\n{said}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it said.
        said: String,
    },
    /// PostgreSQL answered a query with an error.
    #[error("postgres refused: {0}")]
    Refused(String),
    /// The file system, a process or a connection failed us.
    #[error("could not {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ServerError {
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn held(server: &'static str, folder: &Path, pid: Option<u32>) -> Self {
        let holder = pid.map_or_else(
            || "another process".to_owned(),
            |pid| format!("the process {pid}"),
        );
        Self::Held {
            server,
            folder: folder.to_owned(),
            holder,
        }
    }

    pub(super) fn silent(server: &'static str, limit: Duration, log: &LogFile) -> Self {
        Self::Silent {
            server,
            seconds: limit.as_secs(),
            log: log.path().to_owned(),
            said: log.last_lines(),
        }
    }

    /// The error and all its causes in one line, for where nobody else prints the chain.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            // Writing into a string does not fail.
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        text
    }
}
