//! A server's log: kept in its folder, bounded, and quoted when the server fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Above this a log is set aside at the next start, and the one set aside before is dropped.
const LARGEST: u64 = 16 << 20;

/// How much of its end an error quotes.
const QUOTED_LINES: usize = 15;
const QUOTED_BYTES: u64 = 16 << 10;
/// How much of its end is looked through for a reason.
const SEARCHED_BYTES: u64 = 1 << 20;

/// A log and where this run of the server began in it.
pub(crate) struct LogFile {
    path: PathBuf,
    begin: u64,
}

impl LogFile {
    /// Opens the log for one more run. The file is for the server to write to.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, File)> {
        if fs::metadata(path).is_ok_and(|meta| meta.len() > LARGEST) {
            fs::rename(path, path.with_extension("log.before"))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let begin = file.metadata()?.len();
        Ok((
            Self {
                path: path.to_owned(),
                begin,
            },
            file,
        ))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines this run has written.
    pub(crate) fn last_lines(&self) -> String {
        let text = self
            .end_of_run(QUOTED_BYTES)
            .unwrap_or_else(|error| format!("(the log cannot be read: {error})"));
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
    }

    /// Whether this run has written that, somewhere near its end. What a killed predecessor's sessions still have to say
    /// stands in the same log and may bury it deeper than what is quoted.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.end_of_run(SEARCHED_BYTES)
            .is_ok_and(|said| said.contains(text))
    }

    fn end_of_run(&self, most: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.begin.max(length.saturating_sub(most))))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_what_this_run_has_written_is_quoted_and_only_its_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("server.log");
        fs::write(&path, "the run before\n").expect("a log");
        let (log, mut file) = LogFile::open(&path).expect("open");
        assert_eq!(log.last_lines(), "");
        for line in 1..=20 {
            writeln!(file, "line {line}").expect("write");
        }
        let quoted = log.last_lines();
        assert!(
            quoted.starts_with("line 6\n") && quoted.ends_with("line 20"),
            "{quoted}"
        );
        assert!(
            log.says("line 1\n"),
            "a reason is found above what is quoted"
        );
        assert!(!log.says("the run before"));
    }
}
