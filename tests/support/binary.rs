//! The binary under test: built once per test binary, as the tests themselves were.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// The path of `jangbu`. Tests are a package of their own, for which cargo builds no other package's binary.
pub(crate) fn jangbu() -> &'static Path {
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    // <target>/<profile>/deps/<test binary>
    let this = std::env::current_exe().expect("the test binary has a path");
    let profile = this
        .parent()
        .and_then(Path::parent)
        .expect("cargo runs test binaries in <target>/<profile>/deps");
    let target = profile.parent().expect("a profile lies in a target folder");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        // What cargo tells this test of its own package would reach build scripts of others, which then begin anew.
        let told = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if told {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args([
            "build",
            "--locked",
            "--quiet",
            "--package",
            "jangbu",
            "--bin",
            "jangbu",
        ])
        .args(["--profile", name, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "jangbu was not built");
    profile.join(format!("jangbu{}", std::env::consts::EXE_SUFFIX))
}
