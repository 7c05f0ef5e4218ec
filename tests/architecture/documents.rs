//! What the documents say of the tree is so: crates are told, files that are named exist, commands are the ones run.

use super::tree::{packages, read, report, root};

#[test]
fn every_crate_is_told_in_architecture_md() {
    let told = read("ARCHITECTURE.md");
    let names =
        |name: &str| told.contains(&format!("`{name}`")) || told.contains(&format!("`{name}/`"));
    let untold: Vec<_> = packages()
        .into_keys()
        .filter(|folder| {
            // A crate is named by its folder, or by its name where the folder around it is told.
            let in_its_tier = folder
                .split_once('/')
                .is_some_and(|(tier, name)| names(tier) && names(name));
            !names(folder) && !in_its_tier
        })
        .collect();
    report(
        &untold,
        "say in ARCHITECTURE.md what the crate is for, with its folder in backticks",
    );
}

#[test]
fn every_file_the_documents_name_exists() {
    let mut wrong = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "STYLE.md"] {
        let text = read(document);
        for path in quoted(&text).filter(|quoted| is_path(quoted)) {
            if !root().join(path).exists() {
                wrong.push(format!("{document} names {path}, which is not there"));
            }
        }
    }
    report(
        &wrong,
        "the file moved or was renamed: say so in the document",
    );
}

#[test]
fn the_readme_names_the_command_that_is_run_before_a_change_is_taken() {
    let command = "cargo test --workspace";
    assert!(
        read("README.md").contains(command),
        "README.md must say `{command}`"
    );
    assert!(
        read(".ci/run").contains("cargo test --locked --workspace"),
        ".ci/run must run the README's test command"
    );
}

/// What stands between single backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with("```"))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// A path in the tree: it begins with one of its folders and is no pattern.
fn is_path(quoted: &str) -> bool {
    let begins = [
        "event-schemas/",
        "domains/",
        "projections/",
        "infra/",
        "tests/",
        "docs/",
        ".ci/",
    ]
    .iter()
    .any(|folder| quoted.starts_with(folder));
    begins && !quoted.contains(['*', '<', '…', ' ', '{'])
}
