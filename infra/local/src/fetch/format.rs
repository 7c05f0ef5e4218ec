//! Lets Kafka's storage tool format a broker once, so that later brokers need not start a Java for it.
//!
//! A formatted folder holds two files. `bootstrap.checkpoint` says which features the cluster begins with and is the same
//! for all brokers of one version: it is kept in the cache. `meta.properties` names cluster and folder: every broker gets
//! its own (see `kafka::storage`).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::FetchError;

pub(super) const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// Formats a broker in passing and keeps its bootstrap checkpoint in `building`.
pub(super) fn bootstrap(java: &Path, building: &Path) -> Result<(), FetchError> {
    let folder = building.join("format");
    let data = folder.join("data");
    fs::create_dir_all(&folder).map_err(FetchError::doing(format!("make {}", folder.display())))?;
    let properties = folder.join("server.properties");
    let text = crate::kafka::properties(&data, 1, 2);
    fs::write(&properties, text)
        .map_err(FetchError::doing(format!("write {}", properties.display())))?;
    let output = Command::new(java)
        .args([
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
        ])
        .arg(building.join("lib/*"))
        .args([
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "--cluster-id",
            "jangbu-bootstrap-0000A",
            "--config",
        ])
        .arg(&properties)
        .stdin(Stdio::null())
        .output()
        .map_err(FetchError::doing("start java"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr]
            .map(|part| String::from_utf8_lossy(&part).into_owned())
            .concat();
        return Err(FetchError::Format {
            status: output.status.to_string(),
            said,
        });
    }
    let made = data.join(BOOTSTRAP);
    fs::rename(&made, building.join(BOOTSTRAP))
        .map_err(FetchError::doing(format!("keep {}", made.display())))?;
    super::remove(&folder)
}
