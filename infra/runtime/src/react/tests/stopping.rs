//! Records that are nothing of ours are put away and passed; a context whose handlers are broken stops.

use std::time::Duration;

use super::bell::{CRACK, Rang, SOUND, tower};
use super::bench::{Bench, CONTEXT, eventually, place_of};
use super::hands::Fate;
use crate::execute::Failure;
use crate::ports::{ContextState, Progress};

fn broken(_: &str, _: u32) -> Fate {
    Fate::Fails(Failure::Defect("broken".to_owned()))
}

async fn until_stopped(bench: &Bench) -> String {
    eventually("the context stopped", async || {
        bench.progress.state(CONTEXT).await.unwrap() != ContextState::Running
    })
    .await;
    match bench.progress.state(CONTEXT).await.unwrap() {
        ContextState::Stopped { why, .. } => why,
        ContextState::Running => panic!("it was stopped"),
    }
}

#[tokio::test(start_paused = true)]
async fn eleven_keys_in_a_row_stop_the_context_and_resuming_goes_on() {
    let bench = Bench::new().await;
    bench.hands.follow(broken);
    for n in 0..50 {
        bench.says(&format!("bell-{n}"), Rang { n }).await;
    }
    let member = bench.join(tower());
    let why = until_stopped(&bench).await;
    assert!(why.contains("in a row"), "{why}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let parked = bench.parked().await.len();
    assert!(
        (11..50).contains(&parked),
        "{parked} were parked, the others wait"
    );

    bench.hands.let_go();
    bench
        .progress
        .set_state(CONTEXT, &ContextState::Running)
        .await
        .unwrap();
    bench.until_effects(50 - parked).await;
    assert_eq!(bench.parked().await.len(), parked);
    member.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_context_is_stopped_in_every_process_and_after_a_restart() {
    let bench = Bench::new().await;
    let stopped = ContextState::Stopped {
        why: "by hand".to_owned(),
        since: chrono::DateTime::UNIX_EPOCH,
    };
    bench.progress.set_state(CONTEXT, &stopped).await.unwrap();
    let members = [bench.join(tower()), bench.join(tower())];
    // The state is read within a second; what was begun before that is begun.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for n in 0..20 {
        bench.says(&format!("bell-{n}"), Rang { n }).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(bench.hands.submitted().is_empty());
    bench
        .progress
        .set_state(CONTEXT, &ContextState::Running)
        .await
        .unwrap();
    bench.until_effects(20).await;
    for member in members {
        member.leave().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_broken_key_stops_nothing() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    for n in 0..300 {
        bench.says("anne", Rang { n: CRACK }).await;
        bench.says(&format!("bell-{}", n % 20), Rang { n }).await;
    }
    bench.until_effects(300).await;
    eventually("all of it is parked", async || {
        bench.parked().await.len() == 300
    })
    .await;
    assert_eq!(
        bench.progress.state(CONTEXT).await.unwrap(),
        ContextState::Running
    );
    member.leave().await;
}

/// Key, value and headers of a record.
type Spoilt = (
    Option<&'static str>,
    Option<&'static str>,
    Vec<(String, String)>,
);

/// Each record that could meet a consumer on a topic anybody may write to.
#[tokio::test(start_paused = true)]
async fn alien_and_malformed_records_go_to_the_dead_letters_and_are_passed() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let at = place_of("anne");
    let told = bench.says("anne", Rang { n: 1 }).await;
    bench.until_marked(SOUND, &told).await;
    let genuine = bench.log.records(&at).remove(0);
    let text = |name: &str| String::from_utf8(genuine.header(name).unwrap().to_vec()).unwrap();
    let all: Vec<(String, String)> = genuine
        .headers
        .iter()
        .map(|(name, _)| (name.clone(), text(name)))
        .collect();
    let with = |name: &str, value: Option<&str>| -> Vec<(String, String)> {
        all.iter()
            .filter_map(|(known, was)| match (known == name, value) {
                (true, None) => None,
                (true, Some(value)) => Some((known.clone(), value.to_owned())),
                (false, _) => Some((known.clone(), was.clone())),
            })
            .collect()
    };
    let other_store = text("ce_source").replace("/mall/", "/other/");
    let put = |key: Option<&str>, value: Option<&str>, headers: &[(String, String)]| {
        let headers: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        bench.log.put(&at, key, value, &headers);
    };
    let bad: Vec<Spoilt> = vec![
        (None, None, Vec::new()),
        (Some("anne"), Some("not ours"), Vec::new()),
        (Some("anne"), None, all.clone()),
        (None, Some("{}"), all.clone()),
        (Some("ben"), Some("{}"), all.clone()),
        (Some("anne"), Some("{}"), with("ce_id", None)),
        (Some("anne"), Some("{}"), with("ce_position", None)),
        (Some("anne"), Some("{}"), with("ce_position", Some("many"))),
        (
            Some("anne"),
            Some("{}"),
            with("ce_position", Some("99999999999999999999")),
        ),
        (
            Some("anne"),
            Some("{}"),
            with("ce_source", Some("/elsewhere")),
        ),
        (
            Some("anne"),
            Some("{}"),
            with("ce_source", Some(&other_store)),
        ),
        (
            Some("anne"),
            Some("{}"),
            with("ce_type", Some("com.example.Thing")),
        ),
        (
            Some("anne"),
            Some("{}"),
            with("ce_subject", Some("echo/anne")),
        ),
    ];
    let count = bad.len();
    for (key, value, headers) in bad {
        put(key, value, &headers);
    }
    let last = bench.says("anne", Rang { n: 2 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.effects(), ["anne sound 1", "anne sound 2"]);
    assert_eq!(bench.progress.dead_letters().len(), count);
    assert_eq!(
        bench.progress.state(CONTEXT).await.unwrap(),
        ContextState::Running
    );
    member.leave().await;
}

/// A record that claims a position nobody has reached, or one that another event has, must not silence its partition.
#[tokio::test(start_paused = true)]
async fn forged_positions_silence_nothing() {
    let bench = Bench::new().await;
    let member = bench.join(tower());
    let told = bench.says("anne", Rang { n: 1 }).await;
    let elsewhere: Vec<_> = ["ben", "cleo", "dora", "emil"]
        .into_iter()
        .filter(|bell| place_of(bell) != place_of("anne"))
        .collect();
    let other = bench.says(elsewhere[0], Rang { n: 2 }).await;
    bench.until_marked(SOUND, &told).await;
    for (position, previous) in [
        (9_007_199_254_740_000, told.position),
        (9_007_199_254_740_000, 9_007_199_254_739_999),
        (other.position, 0),
        (5_000, 4_999),
    ] {
        let mut forged = told.clone();
        forged.position = position;
        forged.event_id = uuid::Uuid::from_u128(u128::MAX - u128::from(previous));
        bench.put(&forged, previous);
    }
    let last = bench.says("anne", Rang { n: 3 }).await;
    bench.until_marked(SOUND, &last).await;
    assert_eq!(bench.hands.effects_on("anne"), ["sound 1", "sound 3"]);
    assert_eq!(bench.progress.dead_letters().len(), 4);
    member.leave().await;
}
