//! The developer's pair: kept data, kept ports, one holder, nothing left behind by a crash.

mod support;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jangbu_local::{
    Local, LocalError, LocalOptions, News, Port, Postgres, ServerError, Teller, silent,
};
use support::{eventually, kafka_api_versions, open_folder};

/// On any free ports: what runs on this machine already is none of a test's business.
fn options(folder: &Path) -> LocalOptions {
    LocalOptions {
        data: Some(folder.to_owned()),
        kafka: Some(Port::Free),
        postgres: Some(Port::Free),
        ..LocalOptions::default()
    }
}

/// Only PostgreSQL: half the time where Kafka would show nothing more.
fn postgres_only(folder: &Path) -> LocalOptions {
    LocalOptions {
        given_brokers: Some("kafka.example:9092".to_owned()),
        ..options(folder)
    }
}

async fn start(options: LocalOptions) -> Local {
    Local::start(options, silent()).await.expect("a local pair")
}

fn postgres(local: &Local) -> &Postgres {
    local.postgres().expect("ours")
}

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("local.json")).expect("local.json"))
        .expect("json")
}

/// Keeps the news for a look afterwards.
fn kept() -> (Arc<Mutex<Vec<String>>>, Teller) {
    let news = Arc::new(Mutex::new(Vec::new()));
    let keep = news.clone();
    let teller: Teller =
        Arc::new(move |one: &News| keep.lock().expect("news").push(one.to_string()));
    (news, teller)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_a_start_and_local_json_says_what_runs() {
    let folder = open_folder();
    let local = start(options(folder.path())).await;
    local
        .note_http(([127, 0, 0, 1], 8080).into())
        .expect("noted");
    let said = json(folder.path());
    assert_eq!(said["http"], "127.0.0.1:8080");
    assert_eq!(said["postgres"], local.database_url());
    assert_eq!(said["kafka"], local.brokers());
    assert_eq!(said["pids"]["jangbu"], std::process::id());
    assert_eq!(
        said["pids"]["postgres"],
        postgres(&local).pid().expect("it runs")
    );
    assert_eq!(
        said["pids"]["kafka"],
        local.kafka().expect("ours").pid().expect("it runs")
    );
    assert!(kafka_api_versions(local.kafka().expect("ours").port()).is_ok());
    postgres(&local)
        .query("postgres", "CREATE TABLE kept AS SELECT 42 AS n")
        .await
        .expect("a table");
    assert!(local.stop().await, "a server had to be killed");
    assert!(!folder.path().join("local.json").exists());
    drop(local);

    let local = start(options(folder.path())).await;
    let rows = postgres(&local)
        .query("postgres", "SELECT n FROM kept")
        .await
        .expect("the table");
    assert_eq!(rows, [[Some("42".to_owned())]]);
    assert!(local.stop().await);
}

#[tokio::test]
async fn a_second_one_on_the_same_folder_is_refused_and_told_who_has_it() {
    let folder = open_folder();
    let first = start(postgres_only(folder.path())).await;
    let second = Local::start(postgres_only(folder.path()), silent())
        .await
        .err()
        .expect("refused");
    assert!(
        matches!(second, LocalError::Held { holder: Some(pid), .. } if pid == std::process::id())
    );
    assert!(
        second
            .to_string()
            .contains(&format!("the process {}", std::process::id())),
        "{second}"
    );
    let wiped = Local::wipe(Some(folder.path().to_owned())).await;
    assert!(
        matches!(wiped, Err(LocalError::Held { .. })),
        "wiped under a running pair"
    );
    assert!(first.stop().await);
}

#[tokio::test]
async fn a_taken_default_port_gives_way_says_so_and_is_kept_from_then_on() {
    let folder = open_folder();
    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let taken = stranger.local_addr().expect("its address").port();
    let (news, tell) = kept();
    let wanting = LocalOptions {
        postgres: Some(Port::Prefer(taken)),
        ..postgres_only(folder.path())
    };
    let local = Local::start(wanting, tell).await.expect("a local pair");
    let got = postgres(&local).port();
    assert_ne!(got, taken);
    let said = format!("port {taken} is taken, PostgreSQL listens on {got}");
    assert!(news.lock().expect("news").contains(&said), "{news:?}");
    assert!(local.stop().await);
    drop(local);

    let local = start(LocalOptions {
        postgres: None,
        ..postgres_only(folder.path())
    })
    .await;
    assert_eq!(
        postgres(&local).port(),
        got,
        "the port this folder had was free"
    );
    assert!(local.stop().await);
}

#[tokio::test]
async fn a_port_asked_for_by_name_and_taken_is_an_error() {
    let folder = open_folder();
    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let taken = stranger.local_addr().expect("its address").port();
    let wanting = LocalOptions {
        postgres: Some(Port::Exactly(taken)),
        ..postgres_only(folder.path())
    };
    let refused = Local::start(wanting, silent())
        .await
        .err()
        .expect("refused");
    assert!(
        matches!(refused, LocalError::Server(ServerError::PortTaken { port, .. }) if port == taken),
        "{refused:?}"
    );
}

#[tokio::test]
async fn wiping_removes_our_data_and_nothing_else() {
    let folder = open_folder();
    std::fs::write(folder.path().join("letter.txt"), "mine").expect("a file of the user's");
    let local = start(postgres_only(folder.path())).await;
    postgres(&local)
        .query("postgres", "CREATE TABLE gone (n int)")
        .await
        .expect("a table");
    assert!(local.stop().await);
    drop(local);

    let local = start(LocalOptions {
        fresh: true,
        ..postgres_only(folder.path())
    })
    .await;
    let rows = postgres(&local)
        .query("postgres", "SELECT to_regclass('gone')")
        .await
        .expect("an answer");
    assert_eq!(rows, [[None]]);
    assert!(local.stop().await);
    drop(local);

    Local::wipe(Some(folder.path().to_owned()))
        .await
        .expect("wiped");
    assert!(!folder.path().join("postgres").exists());
    assert_eq!(
        std::fs::read_to_string(folder.path().join("letter.txt")).expect("still there"),
        "mine"
    );
}

#[tokio::test]
async fn what_is_given_is_not_started() {
    let folder = open_folder();
    let url = "postgres://shop@db.example/shop";
    let given = LocalOptions {
        given_database: Some(url.to_owned()),
        ..postgres_only(folder.path())
    };
    let local = start(given).await;
    assert!(local.postgres().is_none() && local.kafka().is_none());
    assert_eq!(
        (local.database_url(), local.brokers()),
        (url, "kafka.example:9092")
    );
    assert!(json(folder.path())["pids"]["postgres"].is_null());
}

/// As after a crash that took the supervisor too: the server runs on with nobody to end it, its pid file stands.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_orphan_of_a_crashed_run_is_recognised_and_ended() {
    let folder = open_folder();
    let local = start(postgres_only(folder.path())).await;
    let port = postgres(&local).port();
    let mut command = support::same_as(postgres(&local).pid().expect("it runs"));
    assert!(local.stop().await);
    drop(local);
    let mut orphan = command.spawn().expect("an orphan");
    let pid = orphan.id();
    std::fs::write(
        folder.path().join("postgres/server.pid"),
        format!("{pid}\n"),
    )
    .expect("its pid file");
    let listens =
        || async move { std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() };
    assert!(
        eventually(Duration::from_secs(20), listens).await,
        "the orphan does not start"
    );
    let reaper = std::thread::spawn(move || orphan.wait().expect("reaped"));

    let (news, tell) = kept();
    let local = Local::start(postgres_only(folder.path()), tell)
        .await
        .expect("a local pair");

    let said = format!("stopped PostgreSQL of an earlier run (pid {pid})");
    assert!(news.lock().expect("news").contains(&said), "{news:?}");
    assert!(
        reaper.join().expect("no panic").success(),
        "it was not stopped in order"
    );
    assert!(local.stop().await);
}

#[tokio::test]
async fn a_server_that_dies_under_us_is_noticed() {
    let folder = open_folder();
    let local = start(postgres_only(folder.path())).await;
    let pid = i32::try_from(postgres(&local).pid().expect("it runs")).expect("a pid");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).expect("not zero"),
        rustix::process::Signal::KILL,
    )
    .expect("killed");
    let (server, log) = local.server_lost().await;
    assert_eq!(server, "PostgreSQL");
    assert!(log.is_file());
}
