//! The harness itself: a quick run of everything gives a whole report, and an unknown scenario names the known ones.
//!
//! Nothing here asserts a speed: whether promises are kept is the report's to say.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Every promise of the architecture, each perhaps in several parts ("F1", "F1 raw rows").
const PROMISES: [&str; 10] = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"];

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_jangbu-bench"))
}

#[test]
fn a_quick_run_gives_a_whole_report() {
    let folder = tempfile::tempdir().unwrap();
    let run = bench()
        .args(["all", "--quick", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");

    let table = String::from_utf8(run.stdout).unwrap();
    let json = std::fs::read(folder.path().join("bench-report.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let promises = json["promises"].as_object().unwrap();
    for promise in PROMISES {
        let of_it = promises
            .iter()
            .filter(|(name, _)| name.split(' ').next() == Some(promise));
        let of_it: Vec<_> = of_it.collect();
        assert!(!of_it.is_empty(), "{promise} was not judged; {said}");
        for (name, judged) in of_it {
            is_judged(name, judged);
            assert!(table.contains(name.as_str()), "{name} in {table}");
        }
    }
    assert!(json["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(json["machine"]["fdatasync_milliseconds"].as_f64().unwrap() > 0.0);
    assert_eq!(json["machine"]["postgres"]["fsync"], "on");
    for round in json["rounds"].as_array().unwrap() {
        assert!(round["figure"].as_f64().unwrap() >= 0.0, "{round}");
    }
    files(folder.path());
}

fn is_judged(name: &str, judged: &Value) {
    let number = |field: &str| judged[field].as_f64().unwrap_or(f64::NAN);
    let (min, ratio, max) = (number("min"), number("ratio"), number("max"));
    assert!(min <= ratio && ratio <= max, "{name}: {judged}");
    let kept = if judged["is_at_least"].as_bool().expect("a yes or no") {
        ratio >= number("limit")
    } else {
        ratio <= number("limit")
    };
    assert_eq!(judged["kept"], kept, "{name}: {judged}");
    let ours = judged["ours"].as_object().expect("our figures");
    assert!(!ours.is_empty(), "{name} without our figures: {judged}");
}

/// The readable report shows every chart that was drawn, and every chart is a picture.
fn files(folder: &Path) {
    let text = std::fs::read_to_string(folder.join("bench-report.md")).expect("the report");
    let names = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name());
    let charts: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".svg"))
        .collect();
    assert!(!charts.is_empty());
    for chart in charts {
        assert!(
            text.contains(&format!("]({chart})")),
            "{chart} is not shown"
        );
        let svg = std::fs::read_to_string(folder.join(&chart)).expect("a chart");
        is_picture(&chart, &svg);
    }
}

/// Tags close in the order they were opened, and no number is missing.
fn is_picture(name: &str, svg: &str) {
    assert!(svg.starts_with("<svg "), "{name}");
    assert!(
        !svg.contains("NaN") && !svg.contains("inf"),
        "{name}: {svg}"
    );
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a tag has a name"));
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} stay open");
}

#[test]
fn an_unknown_scenario_names_the_known_ones() {
    let run = bench().args(["F1", "F99", "nonsense"]).output().unwrap();
    assert!(!run.status.success());
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("no scenario F99, nonsense"), "{said}");
    for known in ["all", "F1 ", "F9 "] {
        assert!(said.contains(known), "{known} in {said}");
    }
}

#[test]
fn a_database_that_does_not_answer_is_said() {
    let nobody = [
        "F1",
        "--quick",
        "--postgres",
        "postgres://nobody@127.0.0.1:1/none",
        "--kafka",
        "127.0.0.1:1",
    ];
    let run = bench().args(nobody).output().unwrap();
    assert!(!run.status.success());
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("PostgreSQL does not answer"), "{said}");
}
