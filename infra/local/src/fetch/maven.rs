//! Runs Maven and turns its talk into progress.

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

/// What Maven marked as errors, without its advice on how to run it; or else its last words.
fn quote(mut said: Vec<String>) -> String {
    const ADVICE: [&str; 4] = [
        "To see the full",
        "Re-run Maven",
        "For more information",
        "[Help",
    ];
    let errors: Vec<&str> = said
        .iter()
        .filter_map(|line| Some(line.split_once("[ERROR]")?.1.trim()))
        .filter(|error| !error.is_empty() && !ADVICE.iter().any(|advice| error.starts_with(advice)))
        .take(QUOTED_LINES)
        .collect();
    if !errors.is_empty() {
        return errors.join("\n");
    }
    said.split_off(said.len().saturating_sub(QUOTED_LINES))
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_failure_quotes_the_errors_and_spares_the_advice() {
        let said = "\u{1b}[0m[ERROR] Could not create local repository at /home/a/.m2 -> [Help 1]\n[ERROR] \n[INFO] so it goes\n\
            [ERROR] Re-run Maven using the -X switch to enable full debug logging.\n[ERROR] [Help 1] http://example.org";
        assert_eq!(
            quote(lines(said)),
            "Could not create local repository at /home/a/.m2 -> [Help 1]"
        );
    }

    #[test]
    fn a_failure_without_errors_quotes_the_last_words() {
        assert_eq!(
            quote(lines("JAVA_HOME is not defined correctly")),
            "JAVA_HOME is not defined correctly"
        );
    }
}
