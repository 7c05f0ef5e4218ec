//! Rule 3: domains and projections have no clock, no randomness, no environment, no files, no network and no runtime.

use std::collections::BTreeSet;

use super::tree::{files, packages, read, report};

/// What they may be built of. None of these starts a thread, opens a file or reads a clock by itself.
const BUILT_OF: [&str; 8] = [
    "chrono",
    "event-schemas",
    "kernel",
    "schemars",
    "serde",
    "serde_json",
    "thiserror",
    "uuid",
];

/// The kernel names a command by its variant as well.
const KERNEL_TOO: [&str; 1] = ["serde_variant"];

/// What clippy must forbid them, at the least.
const FORBIDDEN: [&str; 22] = [
    "chrono::Utc::now",
    "chrono::Local::now",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::thread::sleep",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v7",
    "std::env::var",
    "std::env::vars",
    "std::env::args",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::fs::File::open",
    "std::fs::File::create",
    "std::net::TcpStream::connect",
    "std::net::TcpListener::bind",
    "std::net::UdpSocket::bind",
    "std::process::Command::new",
    "std::thread::spawn",
    "std::println",
    "std::eprintln",
];

fn is_pure(folder: &str) -> bool {
    folder.starts_with("domains/") || folder == "projections"
}

#[test]
fn domains_and_projections_are_built_of_pure_crates() {
    let mut wrong = Vec::new();
    for (folder, package) in packages() {
        for to in package.dependencies.iter().filter(|to| !to.is_of_tests()) {
            let may = BUILT_OF.contains(&to.name.as_str())
                || (folder == "domains/kernel" && KERNEL_TOO.contains(&to.name.as_str()));
            if is_pure(&folder) && !may {
                wrong.push(format!("{folder} depends on {}", to.name));
            }
        }
    }
    report(
        &wrong,
        "a rule needs no runtime and no vendor: time, actor and ids arrive in Context and in the command; whatever must \
         wait or call belongs into infra",
    );
}

#[test]
fn clippy_forbids_them_the_world_outside() {
    let mut wrong = Vec::new();
    for list in ["domains/clippy.toml", "projections/clippy.toml"] {
        let forbidden = forbidden(&read(list));
        for path in FORBIDDEN.iter().filter(|path| !forbidden.contains(**path)) {
            wrong.push(format!("{list} does not forbid {path}"));
        }
    }
    report(
        &wrong,
        "add `{ path = \"…\", reason = \"what to use instead\" }` to that file",
    );
}

#[test]
fn both_lists_forbid_the_same() {
    let [domains, projections] =
        ["domains/clippy.toml", "projections/clippy.toml"].map(|list| forbidden(&read(list)));
    let differ: Vec<_> = domains
        .symmetric_difference(&projections)
        .map(|path| format!("{path} is forbidden in one of them only"))
        .collect();
    report(
        &differ,
        "keep domains/clippy.toml and projections/clippy.toml alike",
    );
}

/// clippy reads the nearest list only, so one in a crate of its own would lift all that the tier forbids.
#[test]
fn no_crate_of_them_has_a_list_of_its_own() {
    let own: Vec<_> = files("domains", "clippy.toml")
        .into_iter()
        .filter(|path| path != "domains/clippy.toml")
        .collect();
    report(
        &own,
        "move its lines into domains/clippy.toml and delete it",
    );
}

fn forbidden(list: &str) -> BTreeSet<String> {
    list.lines()
        .filter_map(|line| line.trim().strip_prefix("{ path = \""))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}
