//! The pair for tests: it answers, survives kill -9, gives every test its own place, and goes with its process.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jangbu_local::{OwnServers, TestBed};
use support::{eventually, is_alive, kafka_api_versions};

fn port_of(brokers: &str) -> u16 {
    brokers
        .strip_prefix("127.0.0.1:")
        .and_then(|port| port.parse().ok())
        .expect("an address on this machine")
}

#[tokio::test]
async fn both_servers_of_the_bed_answer() {
    let bed = TestBed::get().await;
    assert!(kafka_api_versions(port_of(&bed.brokers())).expect("an answer") > 20);
    assert!(
        bed.admin_url()
            .starts_with("postgres://postgres@127.0.0.1:")
    );
}

#[tokio::test]
async fn every_test_has_a_database_and_a_prefix_of_its_own_on_the_same_servers() {
    let (bed, again) = (TestBed::get().await, TestBed::get().await);
    assert_eq!(bed.brokers(), again.brokers());
    let (first, second) = tokio::join!(bed.fresh_database(), again.fresh_database());
    assert_ne!(first, second);
    assert_ne!(bed.fresh_prefix(), bed.fresh_prefix());
}

#[tokio::test]
async fn postgres_keeps_what_it_has_acknowledged_through_kill_9_on_the_same_port() {
    let servers = OwnServers::start().await;
    let postgres = &servers.postgres;
    let (port, pid) = (postgres.port(), postgres.pid().expect("it runs"));
    postgres
        .query("postgres", "CREATE TABLE kept (n int)")
        .await
        .expect("a table");
    postgres
        .query("postgres", "INSERT INTO kept VALUES (42)")
        .await
        .expect("a row");

    postgres.kill().await;
    assert!(!is_alive(pid));
    assert_eq!(postgres.pid(), None);
    assert!(
        postgres.query("postgres", "SELECT 1").await.is_err(),
        "something still answers"
    );
    postgres.start_again().await.expect("it starts again");

    assert_eq!(postgres.port(), port);
    assert_ne!(postgres.pid(), Some(pid));
    let rows = postgres
        .query("postgres", "SELECT n FROM kept")
        .await
        .expect("the table");
    assert_eq!(rows, [[Some("42".to_owned())]]);
}

/// Sessions outlive their postmaster until they next listen, and hold its shared memory: the next one must wait for them.
#[tokio::test]
async fn postgres_starts_again_although_a_session_of_the_killed_one_is_busy() {
    let servers = OwnServers::start().await;
    let postgres = servers.postgres.clone();
    let busy = tokio::spawn({
        let postgres = postgres.clone();
        // Nothing in this loop listens for the death of the postmaster. It ends by itself, well within the patience of
        // a start and well after the kill.
        let sql =
            "DO 'BEGIN WHILE clock_timestamp() < now() + interval ''5 s'' LOOP END LOOP; END'";
        async move { postgres.query("postgres", sql).await }
    });
    let runs = || async {
        let sql =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'";
        postgres.query("postgres", sql).await.expect("an answer") == [[Some("1".to_owned())]]
    };
    assert!(
        eventually(Duration::from_secs(10), runs).await,
        "the session is not busy"
    );

    postgres.kill().await;
    postgres.start_again().await.expect("it starts again");

    let log = std::fs::read_to_string(postgres.log()).expect("its log");
    assert!(
        log.contains("pre-existing shared memory block"),
        "the session had ended already, so nothing was shown"
    );
    // The orphan may even finish and answer; what counts is that the new one is there.
    let _ = busy.await.expect("no panic");
    postgres
        .query("postgres", "SELECT 1")
        .await
        .expect("an answer");
}

#[tokio::test]
async fn postgres_is_made_with_checksums_fsync_and_plain_utf8() {
    let servers = OwnServers::start().await;
    for (setting, value) in [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
        ("max_connections", "200"),
        ("listen_addresses", "127.0.0.1"),
    ] {
        let rows = servers
            .postgres
            .query("postgres", &format!("SHOW {setting}"))
            .await
            .expect(setting);
        assert_eq!(rows, [[Some(value.to_owned())]], "{setting}");
    }
}

#[tokio::test]
async fn kafka_comes_back_after_kill_9_on_the_same_port() {
    let servers = OwnServers::start().await;
    let kafka = &servers.kafka;
    let (port, pid) = (kafka.port(), kafka.pid().expect("it runs"));

    kafka.kill().await;
    assert!(!is_alive(pid));
    assert!(kafka_api_versions(port).is_err(), "something still answers");
    kafka.start_again().await.expect("it starts again");

    assert_eq!(kafka.port(), port);
    assert!(kafka_api_versions(port).expect("an answer") > 20);
}

#[tokio::test]
async fn servers_that_are_dropped_are_gone_with_their_data() {
    let servers = OwnServers::start().await;
    let pids = [
        servers.postgres.pid().expect("it runs"),
        servers.kafka.pid().expect("it runs"),
    ];
    let log = servers.postgres.log();
    let folder = log
        .ancestors()
        .nth(2)
        .expect("the pair's folder")
        .to_owned();
    assert!(folder.is_dir());

    tokio::task::spawn_blocking(move || drop(servers))
        .await
        .expect("dropped");

    assert!(!pids.into_iter().any(is_alive));
    assert!(!folder.exists());
}

const CHILD: &str = "JANGBU_TEST_OF_LOCAL_IS_CHILD";

/// Not a test: the process that the next test starts and kills. It says what it has and waits for its end.
#[tokio::test]
async fn a_child_that_holds_servers() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let servers = OwnServers::start().await;
    let pid = |pid: Option<u32>| pid.expect("it runs");
    println!(
        "\nholding {} {} {}",
        pid(servers.postgres.pid()),
        pid(servers.kafka.pid()),
        servers.postgres.log().display()
    );
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_process_killed_by_kill_9_takes_its_servers_and_their_data_with_it() {
    let this = std::env::current_exe().expect("this test binary");
    let mut child = Command::new(this)
        .args(["--exact", "a_child_that_holds_servers", "--nocapture"])
        .env(CHILD, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child");
    let said = BufReader::new(child.stdout.take().expect("its stdout"));
    let holding = said
        .lines()
        .map_while(Result::ok)
        .find(|line| line.starts_with("holding "))
        .expect("the child's servers");
    let words: Vec<&str> = holding.split(' ').collect();
    let pids = [words[1], words[2]].map(|pid| pid.parse::<u32>().expect("a pid"));
    let folder = Path::new(words[3])
        .ancestors()
        .nth(2)
        .expect("the pair's folder")
        .to_owned();
    assert!(pids.into_iter().all(is_alive) && folder.is_dir());

    child.kill().expect("kill -9");
    child.wait().expect("reaped");

    let gone = || async { !pids.into_iter().any(is_alive) };
    assert!(
        eventually(Duration::from_secs(5), gone).await,
        "a server outlived its process"
    );
    let removed = || async { !folder.exists() };
    assert!(
        eventually(Duration::from_secs(5), removed).await,
        "the data outlived their process"
    );
}
