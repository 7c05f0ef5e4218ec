//! The ledger's hashes, repeated by others: a script in another language, and `jangbu verify`.

use std::io::Write;
use std::process::{Command, Stdio};

use jangbu_tests::laws;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::stored::Stored;
use jangbu_tests::wish::{cancel, place, receive};
use reqwest::Client;
use sqlx::Executor;
use uuid::Uuid;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/journeys/hash_chain.py");

/// Every row that is hashed, as the script wants them.
const ROWS: &str = "
    SELECT json_build_object(
        'events', (SELECT json_agg(json_build_object(
            'position', position, 'event_id', event_id, 'aggregate_type', aggregate_type,
            'aggregate_id', aggregate_id, 'sequence', sequence, 'event_type', event_type,
            'event_version', event_version, 'command_id', command_id, 'command_ordinal', command_ordinal,
            'payload', payload::text, 'metadata', metadata::text, 'leaf', encode(leaf, 'hex')
        ) ORDER BY position) FROM events),
        'blocks', (SELECT json_agg(json_build_object(
            'first_position', first_position, 'last_position', last_position,
            'micros', (extract(epoch FROM recorded_at) * 1000000)::bigint,
            'root', encode(root, 'hex'), 'chain', encode(chain, 'hex')
        ) ORDER BY last_position) FROM blocks)
    )::text";

/// A small ledger with blocks of one event and of many, facts of all kinds, and letters beyond ASCII.
async fn small_ledger(site: &Site) -> Mall {
    let mall = Mall::open(site).await;
    let shop = Shop::at([mall.url()]);
    let order = Uuid::now_v7();
    let _received = shop.ask(&receive("tea", 5)).await.must_be(201);
    let _placed = shop
        .ask(&place(order, &[("tea", 2), ("cup", 1)]).by("관리자"))
        .await
        .must_be(201);
    let _refused = shop.ask(&cancel(Uuid::now_v7())).await.must_be(422);
    // A file of commands for many aggregates becomes a few blocks.
    let lines: Vec<_> = (0..37)
        .map(|n| format!(r#"{{"aggregate":"stock","id":"sku-{n}","command":"receive","body":{{"quantity":{}}}}}"#, n + 1))
        .collect();
    let file = Client::new().post(format!("{}/commands", mall.url()));
    let file = file
        .header("Content-Type", "application/x-ndjson")
        .body(lines.join("\n"));
    assert_eq!(file.send().await.expect("an answer").status().as_u16(), 200);
    laws::hold(site, &shop).await;
    mall
}

fn recompute(rows: &str) -> (bool, String) {
    let mut script = Command::new("python3")
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 recomputes the hashes; install it (apt-get install python3)");
    script
        .stdin
        .take()
        .expect("a pipe")
        .write_all(rows.as_bytes())
        .expect("the rows are read");
    let output = script.wait_with_output().expect("the script ends");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn another_language_computes_the_same_leaves_roots_and_chain() {
    let site = Site::shared().await;
    let _mall = small_ledger(&site).await;
    let mut sql = site.sql().await;
    let widest: i64 =
        sqlx::query_scalar("SELECT max(last_position - first_position + 1) FROM blocks")
            .fetch_one(&mut sql)
            .await
            .expect("the blocks");
    assert!(
        widest > 2,
        "a tree of one or two leaves shows nothing: {widest}"
    );

    let rows: String = sqlx::query_scalar(ROWS)
        .fetch_one(&mut sql)
        .await
        .expect("the rows");
    let (agrees, said) = recompute(&rows);
    assert!(agrees, "{said}");
    let (agrees, said) = recompute(&rows.replacen("\\\"quantity\\\":5", "\\\"quantity\\\":6", 1));
    assert!(!agrees && said.contains("leaf of position 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_that_a_ledger_is_sound_and_finds_what_was_changed_behind_its_back() {
    let site = Site::shared().await;
    let mall = small_ledger(&site).await;
    site.must_run(&["verify"]).await;

    // The application's own role cannot do it, so whoever does it owns the database.
    let stored = Stored::read(&site).await;
    let victim = stored
        .named("OrderPlaced")
        .next()
        .expect("an order")
        .position;
    let damages = [
        format!(
            "UPDATE events SET payload = replace(payload::text, '1000', '1')::json WHERE position = {victim}"
        ),
        format!(
            "UPDATE events SET metadata = replace(metadata::text, '관리자', 'nobody')::json WHERE position = {victim}"
        ),
    ];
    for damage in damages {
        let mut sql = site.sql().await;
        let keep = format!("CREATE TABLE kept AS SELECT * FROM events WHERE position = {victim}");
        sql.execute(keep.as_str()).await.expect("a copy");
        let damaged = sql.execute(damage.as_str()).await.expect("a superuser may");
        assert_eq!(damaged.rows_affected(), 1);
        let output = site.run(&["verify"]).await;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            !output.status.success() && said.contains(&victim.to_string()),
            "{said}"
        );
        sql.execute(
            "UPDATE events e SET payload = k.payload, metadata = k.metadata FROM kept k WHERE e.position = k.position",
        )
        .await
        .expect("put back");
        sql.execute("DROP TABLE kept")
            .await
            .expect("no copy any more");
        site.must_run(&["verify"]).await;
    }

    // A deleted end shows no gap in the positions; the blocks know.
    let last = Stored::read(&site).await.head();
    let mut sql = site.sql().await;
    sql.execute(format!("DELETE FROM events WHERE position = {last}").as_str())
        .await
        .expect("a superuser may");
    assert!(
        !site.run(&["verify"]).await.status.success(),
        "the last event is missing"
    );
    drop(mall);
}
