//! The programs a bare machine must have, and the line that installs them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::FetchError;

/// The oldest Java that Kafka 4 runs on.
const OLDEST_JAVA: u32 = 17;

/// Where to find Java: JAVA_HOME's if there is one, otherwise PATH's.
pub(crate) fn java() -> PathBuf {
    env::var_os("JAVA_HOME")
        .map(|home| Path::new(&home).join("bin/java"))
        .filter(|java| java.is_file())
        .unwrap_or_else(|| PathBuf::from("java"))
}

/// Java, seen to run and to be new enough.
pub(super) fn checked_java() -> Result<PathBuf, FetchError> {
    let java = java();
    let found = match Command::new(&java)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
    {
        Err(error) => format!("{}: {error}", java.display()),
        // Java writes its version to stderr; so does the stub that macOS has in its place.
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if major_version(&said).is_some_and(|major| major >= OLDEST_JAVA) {
                return Ok(java);
            }
            said.lines().next().unwrap_or("it says nothing").to_owned()
        }
    };
    let install = install_line(
        "default-jdk-headless",
        "java-latest-openjdk-headless",
        "jdk-openjdk",
        "openjdk21-jdk",
        "openjdk",
    );
    Err(FetchError::Missing {
        program: "java (a JDK, 17 or newer)",
        found,
        install,
    })
}

pub(super) fn missing_maven() -> FetchError {
    let install = install_line("maven", "maven", "maven", "maven", "maven");
    FetchError::Missing {
        program: "mvn (Maven 3.6 or newer)",
        found: "no `mvn` in PATH".to_owned(),
        install,
    }
}

fn install_line(apt: &str, dnf: &str, pacman: &str, apk: &str, brew: &str) -> String {
    let lines = [
        ("apt-get", format!("sudo apt-get install -y {apt}")),
        ("dnf", format!("sudo dnf install -y {dnf}")),
        ("pacman", format!("sudo pacman -S --noconfirm {pacman}")),
        ("apk", format!("sudo apk add {apk}")),
        ("brew", format!("brew install {brew}")),
    ];
    lines
        .into_iter()
        .find(|(manager, _)| is_in_path(manager))
        .map_or_else(
            || "install it with your system's package manager".to_owned(),
            |(_, line)| line,
        )
}

fn is_in_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The number in `openjdk version "17.0.15" 2025-04-15`; 8 where the old counting says `"1.8.0_392"`.
fn major_version(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let mut numbers = quoted.split(['.', '-', '+', '_']).map(str::parse::<u32>);
    match numbers.next()?.ok()? {
        1 => numbers.next()?.ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_java_is_read_in_both_countings() {
        assert_eq!(
            major_version("openjdk version \"17.0.15\" 2025-04-15"),
            Some(17)
        );
        assert_eq!(
            major_version("openjdk version \"25-ea\" 2025-09-16"),
            Some(25)
        );
        assert_eq!(major_version("java version \"1.8.0_392\""), Some(8));
        assert_eq!(
            major_version("The operation couldn't be completed. Unable to locate a Java Runtime."),
            None
        );
    }

    #[test]
    fn a_missing_program_comes_with_the_line_that_installs_it() {
        let message = missing_maven().to_string();
        assert!(message.contains("mvn"), "{message}");
        assert!(message.contains("install"), "{message}");
    }
}
