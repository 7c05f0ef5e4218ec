//! An answer is lost and the command is asked again: it is carried out once, and the answer is the first one.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use jangbu_tests::laws;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::wish::{Wish, cancel, hold, place, receive, release};
use serde_json::json;
use uuid::Uuid;

use super::alone::alone;

/// Sends a command and hangs up before the answer; whether it was carried out, nobody knows.
fn ask_and_hang_up(mall: &Mall, wish: &Wish) {
    let Wish {
        aggregate,
        id,
        command,
        key,
        actor,
        ..
    } = wish;
    let body = wish.body.to_string();
    let request = format!(
        "POST /commands/{aggregate}/{id}/{command} HTTP/1.1\r\nHost: mall\r\nActor: {actor}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(mall.listen()).expect("the mall listens");
    stream
        .write_all(request.as_bytes())
        .expect("the request is sent");
    stream.shutdown(Shutdown::Both).expect("hung up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_answer_was_lost_is_carried_out_once() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let (mall, other) = (Mall::open(&site).await, Mall::open(&site).await);
    let shop = Shop::at([mall.url(), other.url()]);

    // A chain on one SKU: each of them must be carried out once, before the next is asked.
    for round in 0..20 {
        let order = Uuid::now_v7();
        for wish in [
            receive("tea", 2),
            hold("tea", order, 1),
            release("tea", order),
            release("tea", order),
        ] {
            ask_and_hang_up(&mall, &wish);
            // At either door: at the other one, nobody has heard of it, and it may be under way here.
            let first = shop.ask(&wish).await;
            assert_eq!(
                shop.ask(&wish).await,
                first,
                "round {round}: a repeat hears the first answer"
            );
            assert_eq!(
                shop.ask(&wish).await,
                first,
                "round {round}: at the other door, too"
            );
        }
    }
    // Nobody asks again: it is carried out or not, and never in part.
    for _ in 0..20 {
        ask_and_hang_up(&mall, &place(Uuid::now_v7(), &[("tea", 1), ("cup", 1)]));
    }
    laws::hold(&site, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_hears_its_first_answer_for_ever_whatever_that_was() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let order = Uuid::now_v7();
    let said = place(order, &[("tea", 1)]);
    let nothing = release("tea", order);
    let refused = cancel(Uuid::now_v7());

    let mut answers = Vec::new();
    for (wish, status) in [(&said, 201), (&nothing, 200), (&refused, 422)] {
        answers.push(shop.ask(wish).await.must_be(status));
    }
    // What was refused would be fine by now; the id keeps its answer, a new attempt is a new id.
    let _ = shop
        .ask(&Wish {
            key: Uuid::now_v7(),
            ..place(refused.id.parse().expect("an id"), &[("tea", 1)])
        })
        .await;
    mall.kill();
    let mall = Mall::open(&site).await;
    shop.move_to([mall.url()]);
    for (wish, answer) in [&said, &nothing, &refused].into_iter().zip(&answers) {
        assert_eq!(
            shop.ask(wish).await,
            *answer,
            "after a crash, from the ledger"
        );
    }

    let reused = Wish {
        body: json!({ "quantity": 1 }),
        command: "receive",
        ..nothing
    };
    let answer = shop.ask(&reused).await.must_be(409);
    assert_eq!(answer.problem(), "command_id_reused");
    laws::hold(&site, &shop).await;
}
