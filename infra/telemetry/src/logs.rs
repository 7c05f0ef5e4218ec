//! Logs to stderr: readable on a terminal, JSON where a machine collects them. stdout is for data.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty where stderr is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For eyes.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Why logs cannot be written as asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is no filter.
    #[error("{filter:?} is no log filter: write levels like info, or jangbu_runtime=debug,info")]
    Filter {
        /// What was given.
        filter: String,
        /// What the parser says.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
}

/// Makes the process log from now on. False where it does already: then the first choice stands.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<bool, LogError> {
    let levels = EnvFilter::try_new(filter).map_err(|source| LogError::Filter {
        filter: filter.to_owned(),
        source,
    })?;
    let subscriber = Registry::default().with(lines(format).with_filter(levels));
    Ok(tracing::subscriber::set_global_default(subscriber).is_ok())
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let pretty = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    if pretty {
        fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .compact()
            .boxed()
    } else {
        fmt::layer()
            .with_writer(io::stderr)
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_quoted_and_told_how_to_write_one() {
        let refused = start("jangbu=loud", LogFormat::Json)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("jangbu=loud") && refused.contains("jangbu_runtime=debug"),
            "{refused}"
        );
    }
}
