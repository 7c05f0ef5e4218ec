//! What is recorded comes out described, whoever started telemetry first.

use jangbu_runtime::metric_definitions::{ALL, APPEND_TIME, COMMANDS, Shape};
use jangbu_telemetry::{LogFormat, Telemetry, TelemetryOptions};

fn options() -> TelemetryOptions {
    TelemetryOptions {
        log: "warn".to_owned(),
        format: LogFormat::Json,
    }
}

#[tokio::test]
async fn started_twice_it_records_once() {
    let first = Telemetry::init(&options()).unwrap();
    let second = Telemetry::init(&options()).unwrap();
    metrics::counter!(COMMANDS, "aggregate" => "twice", "outcome" => "said").increment(1);
    let line = r#"jangbu_commands_total{aggregate="twice",outcome="said"} 1"#;
    assert!(first.render().contains(line), "{}", first.render());
    drop(first);
    assert!((second.renderer())().contains(line));
}

#[tokio::test]
async fn every_metric_is_described_and_times_fall_into_buckets() {
    let telemetry = Telemetry::init(&options()).unwrap();
    for metric in ALL {
        match metric.shape {
            Shape::Counter => metrics::counter!(metric.name).increment(1),
            Shape::Gauge => metrics::gauge!(metric.name).set(1.0),
            Shape::Histogram => metrics::histogram!(metric.name).record(0.3),
        }
    }
    let text = telemetry.render();
    for metric in ALL {
        let help = format!("# HELP {} {}", metric.name, metric.description);
        assert!(text.contains(&help), "no line {help:?} in\n{text}");
    }
    let half_a_second = format!("{APPEND_TIME}_bucket{{le=\"0.5\"}} 1");
    assert!(text.contains(&half_a_second), "{text}");
}

#[test]
fn a_counter_says_so_in_its_name() {
    for metric in ALL {
        let is_counter = metric.shape == Shape::Counter;
        assert_eq!(
            is_counter,
            metric.name.ends_with("_total"),
            "{}",
            metric.name
        );
    }
}
