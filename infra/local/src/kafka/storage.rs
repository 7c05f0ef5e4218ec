//! A broker's configuration and its formatted folder.

use std::fs;
use std::path::Path;

use uuid::Uuid;

use crate::server::ServerError;

const META: &str = "meta.properties";

/// The broker's configuration. A static voter, not `--standalone`: the controller's port may then change from one start
/// to the next by changing this file alone. A short session: after a kill the controller refuses the broker's new incarnation
/// until the session of the old one has run out (11 s to start again with the default of 9 s, 4 s with 2 s).
pub(crate) fn properties(data: &Path, port: u16, controller: u16) -> String {
    // A properties file reads a backslash as the beginning of an escape.
    let data = data.display().to_string().replace('\\', "\\\\");
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
default.replication.factor=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
log.cleaner.dedupe.buffer.size=33554432
"
    )
}

/// Formats `data` unless it is formatted. Made beside it and renamed, so a folder there is a whole one.
pub(super) fn format(data: &Path, bootstrap: &Path) -> Result<(), ServerError> {
    if data.is_dir() {
        return Ok(());
    }
    let new = super::fresh(&data.with_extension("new"))?;
    let meta = format!(
        "version=1\nnode.id=1\ncluster.id={}\ndirectory.id={}\n",
        kafka_uuid(),
        kafka_uuid()
    );
    fs::write(new.join(META), meta).map_err(ServerError::doing(format!("write {META}")))?;
    fs::copy(bootstrap, new.join("bootstrap.checkpoint"))
        .map_err(ServerError::doing("copy bootstrap.checkpoint"))?;
    fs::rename(&new, data).map_err(ServerError::doing(format!("rename {}", new.display())))
}

/// The cluster that `data` belongs to.
pub(super) fn cluster_id(data: &Path) -> Option<String> {
    let meta = fs::read_to_string(data.join(META)).ok()?;
    meta.lines()
        .find_map(|line| line.strip_prefix("cluster.id="))
        .map(str::to_owned)
}

/// A new UUID as Kafka writes them: base64 with `-` and `_`, unpadded. The first is the time, so none begins with `-`,
/// which Kafka's tools would take for an option.
fn kafka_uuid() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = u128::from_be_bytes(Uuid::now_v7().into_bytes());
    // 128 bits are 21 digits of 6 bits and one of 2, which base64 fills up with zeros on the right.
    let digit = |index: u32| match index {
        21 => (bits << 4) & 63,
        _ => (bits >> (122 - 6 * index)) & 63,
    };
    (0..22)
        .map(|index| char::from(ALPHABET[digit(index) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_folder_keeps_its_cluster() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bootstrap = folder.path().join("bootstrap");
        fs::write(&bootstrap, "records").expect("a checkpoint");
        let data = folder.path().join("data");
        format(&data, &bootstrap).expect("formatted");
        let id = cluster_id(&data).expect("an id");
        assert_eq!(id.len(), 22);
        format(&data, &bootstrap).expect("formatted already");
        assert_eq!(cluster_id(&data), Some(id));
    }
}
