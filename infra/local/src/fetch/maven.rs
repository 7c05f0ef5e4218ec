//! Runs Maven and turns its talk into progress.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::{FetchError, programs};
use crate::news::{News, Teller};

/// Maven says something with every file; its own limit for a silent connection is half an hour, longer than a person waits.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);

/// How much of its talk a failure quotes.
const QUOTED_LINES: usize = 12;

/// Downloads what `pom` names into `parts`.
pub(super) fn run(pom: &Path, parts: &Path, tell: &Teller) -> Result<(), FetchError> {
    let (reader, writer) = io::pipe().map_err(FetchError::doing("make a pipe"))?;
    let mut command = Command::new("mvn");
    command
        .args([
            "--batch-mode",
            "-Dstyle.color=never",
            "generate-resources",
            "-f",
        ])
        .arg(pom);
    command.arg(format!("-Dparts={}", parts.display()));
    let errors = writer
        .try_clone()
        .map_err(FetchError::doing("make a pipe"))?;
    // In the folder of the pom, lest a `.mvn` of the caller's folder be obeyed.
    command
        .current_dir(parts)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors);
    let spawned = command.spawn();
    // The command holds the pipe's writing end: while it lives, reading would never end.
    drop(command);
    let mut maven = match spawned {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(programs::missing_maven());
        }
        other => other.map_err(FetchError::doing("start maven"))?,
    };
    let said = listen(reader, &mut maven, tell);
    let status = maven.wait().map_err(FetchError::doing("wait for maven"))?;
    if status.success() {
        return Ok(());
    }
    Err(FetchError::Maven {
        status: status.to_string(),
        said: quote(said),
    })
}

/// Follows Maven until it closes its output; ends it if it falls silent.
fn listen(reader: PipeReader, maven: &mut Child, tell: &Teller) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut said = Vec::new();
        let mut downloaded = 0;
        loop {
            match receiver.recv_timeout(LONGEST_SILENCE) {
                Ok(line) if line.contains("Downloaded from") => {
                    downloaded += 1;
                    tell(&News::Downloaded(downloaded));
                }
                Ok(line) if line.contains("Downloading from") => (),
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    said.push(format!(
                        "[ERROR] nothing for {} s, given up",
                        LONGEST_SILENCE.as_secs()
                    ));
                    // A kill fails only if it has just ended by itself.
                    let _ = maven.kill();
                }
                Err(RecvTimeoutError::Disconnected) => return said,
            }
        }
    })
}

/// What Maven marked as errors, or else its last words.
fn quote(said: Vec<String>) -> String {
    let errors: Vec<&String> = said
        .iter()
        .filter(|line| line.starts_with("[ERROR]"))
        .take(QUOTED_LINES)
        .collect();
    if !errors.is_empty() {
        return errors
            .into_iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n");
    }
    let mut last: VecDeque<String> = said.into();
    while last.len() > QUOTED_LINES {
        last.pop_front();
    }
    Vec::from(last).join("\n")
}
