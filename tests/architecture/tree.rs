//! What stands in the tree: its crates as cargo sees them, and its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
}

/// An edge of it: to another crate of the workspace if it has a path, else to the outside.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`; none for an ordinary one.
    pub(super) kind: Option<String>,
    pub(super) path: Option<PathBuf>,
}

impl Dependency {
    pub(super) fn is_of_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Package {
    /// Its folder, from the root of the tree: `infra/kafka`.
    pub(super) fn folder(&self) -> String {
        let folder = self.manifest_path.parent().unwrap();
        relative(folder)
    }

    /// Its edges to other crates of the workspace; the one to itself, by which tests switch a feature on, is none.
    pub(super) fn edges(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|edge| edge.path.is_some() && edge.name != self.name)
    }
}

/// The crates of the workspace by folder.
pub(super) fn packages() -> BTreeMap<String, Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo is there: it built this");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    metadata
        .packages
        .into_iter()
        .map(|package| (package.folder(), package))
        .collect()
}

/// The root of the tree.
pub(super) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A path from the root, with forward slashes.
fn relative(path: &Path) -> String {
    let root = root().canonicalize().unwrap();
    let path = path.canonicalize().unwrap();
    let parts: Vec<_> = path
        .strip_prefix(root)
        .expect("it is in the tree")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// Every file below a folder whose name ends so, by its path from the root, in order. Hidden folders and `target` are
/// passed over.
pub(super) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(relative(&path));
            }
        }
    }
    found.sort();
    found
}

/// The text of a file, by its path from the root.
pub(super) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The name of a file without folder and ending.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}

/// Fails with all that is wrong, and what to do about it.
#[track_caller]
pub(super) fn report(wrong: &[String], remedy: &str) {
    assert!(
        wrong.is_empty(),
        "\n{}\n\nwhat to do: {remedy}\n",
        wrong.join("\n")
    );
}
