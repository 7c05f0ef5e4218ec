//! How files are: short, opened by what they are for, and no test switched off without a reason.

use super::tree::{files, read, report};

/// A file longer than this is split by subject.
const LINES: usize = 300;

/// Files that are longer, and how long they may be. This list may only shrink: split a file, then take its line out.
const LONGER: [(&str, usize); 10] = [
    ("infra/app/src/cli.rs", 318),
    ("infra/http/src/events/stream.rs", 309),
    ("infra/postgres/tests/cqrs_es.rs", 389),
    ("infra/runtime/src/conformance/progress.rs", 314),
    ("infra/runtime/src/conformance/store/judging.rs", 301),
    ("infra/runtime/src/execute/batcher.rs", 488),
    ("infra/runtime/src/memory/progress.rs", 318),
    ("infra/runtime/src/react/tests/bench.rs", 371),
    ("infra/runtime/src/react/tests/parking.rs", 385),
    ("infra/runtime/src/system/kind.rs", 345),
];

#[test]
fn no_file_is_too_long() {
    let mut wrong = Vec::new();
    for path in files(".", ".rs") {
        let lines = read(&path).lines().count();
        let allowed = LONGER
            .iter()
            .find(|(longer, _)| *longer == path)
            .map_or(LINES, |(_, lines)| *lines);
        if lines > allowed {
            wrong.push(format!("{path} has {lines} lines, {allowed} are allowed"));
        }
    }
    report(
        &wrong,
        "1. name the two subjects the file has; 2. give each a file of its own, the helpers with their caller; 3. if it \
         stands in LONGER (tests/architecture/files.rs), take it out there. Raising a number there is not a way out",
    );
}

#[test]
fn the_list_of_longer_files_only_shrinks() {
    let wrong: Vec<_> = LONGER
        .iter()
        .filter(|(path, _)| {
            let lines = std::fs::read_to_string(super::tree::root().join(path))
                .map_or(0, |text| text.lines().count());
            lines <= LINES
        })
        .map(|(path, _)| format!("{path} is no longer too long"))
        .collect();
    report(
        &wrong,
        "well done; now take its line out of LONGER in tests/architecture/files.rs",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = files(".", ".rs")
        .into_iter()
        .filter(|path| !read(path).starts_with("//! "))
        .collect();
    report(
        &silent,
        "open the file with one sentence after `//!`: what it is for",
    );
}

#[test]
fn no_test_is_switched_off_without_a_reason() {
    // Written in two parts, so that this file does not find itself.
    let bare = concat!("#[ign", "ore]");
    let mut wrong = Vec::new();
    for path in files(".", ".rs") {
        for (number, line) in (1..).zip(read(&path).lines()) {
            if line.trim_start().starts_with(bare) {
                wrong.push(format!("{path}:{number}"));
            }
        }
    }
    report(
        &wrong,
        "say why: #[ignore = \"…\"]; better, make the test run",
    );
}

/// tokio chooses among ready branches at random, and a seed must reproduce a simulated run (docs/decisions/0004).
#[test]
fn the_chassis_chooses_in_a_fixed_order() {
    let mut wrong = Vec::new();
    for path in files("infra/runtime/src", ".rs") {
        let text = read(&path);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (number, pair) in (1..).zip(lines.windows(2)) {
            if pair[0].ends_with("select! {") && pair[1] != "biased;" {
                wrong.push(format!("{path}:{number}"));
            }
        }
    }
    report(
        &wrong,
        "open the select with `biased;` and put what ends it first",
    );
}
