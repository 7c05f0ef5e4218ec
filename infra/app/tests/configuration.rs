//! Defaults < file < variables < flags, and nothing unknown passes.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

use std::io::Write;
use std::path::PathBuf;

use jangbu::config::{ConfigError, Origin, read};

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> Option<PathBuf> {
    Some(file.path().to_owned())
}

#[test]
fn the_defaults_are_a_whole_configuration() {
    let empty = file("");
    let (settings, shown) = read(path(&empty), &Vec::new()).unwrap();
    assert_eq!(settings.kafka.partitions, 12);
    assert!(settings.http.listen.ip().is_loopback());
    let name = shown
        .iter()
        .find(|setting| setting.key == "store.name")
        .unwrap();
    assert_eq!(
        (name.value.as_str(), &name.origin),
        ("mall", &Origin::Default)
    );
}

#[test]
fn a_flag_wins_over_a_file_and_a_file_over_the_default_and_each_says_so() {
    let file = file("[kafka]\nprefix = 'from-file.'\npartitions = 3\n");
    let flags = vec![("kafka.prefix", "from-flag.".to_owned())];
    let (settings, shown) = read(path(&file), &flags).unwrap();
    assert_eq!(
        (settings.kafka.prefix.as_str(), settings.kafka.partitions),
        ("from-flag.", 3)
    );
    let origin = |key| {
        &shown
            .iter()
            .find(|setting| setting.key == key)
            .unwrap()
            .origin
    };
    assert_eq!(origin("kafka.prefix"), &Origin::Flag);
    assert!(matches!(origin("kafka.partitions"), Origin::File(_)));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_known_name() {
    let file = file("[kafka]\npartition = 3\n");
    let Err(error @ ConfigError::Unknown { .. }) = read(path(&file), &Vec::new()) else {
        panic!("an unknown setting passed");
    };
    let text = error.to_string();
    assert!(
        text.contains("kafka.partition\"") && text.contains("kafka.partitions"),
        "{text}"
    );
}

#[test]
fn passwords_are_masked_and_kafkas_own_properties_pass() {
    let file = file(
        "[database]\nurl = 'postgres://anne:secret@db/mall'\n[kafka.properties]\n'sasl.username' = 'anne'\n'sasl.password' = 'secret'\n",
    );
    let (settings, shown) = read(path(&file), &Vec::new()).unwrap();
    assert_eq!(settings.kafka.properties["sasl.username"], "anne");
    let text: String = shown
        .iter()
        .map(|setting| setting.value.clone() + "\n")
        .collect();
    assert!(
        !text.contains("secret") && text.contains("anne:***@db"),
        "{text}"
    );
}
