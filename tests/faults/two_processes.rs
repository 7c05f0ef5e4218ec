//! Two processes, one store: neither answers from what it remembers, and neither starves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jangbu_tests::laws;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::wish::{Wish, cancel, dispatch, hold, place, receive, release};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::alone::alone;

/// The hot SKU.
const SKU: &str = "tickets";
const ON_HAND: u64 = 300;
/// The most there can be of anything: integers on the wire end there.
const FULL: u64 = (1 << 53) - 1;
const HOLDS: usize = 600;
/// Callers at each door.
const CALLERS: usize = 16;
/// Of a hundred holds, so many must have been answered at each door.
const FAIR_SHARE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn two_malls_sell_one_hot_stock_side_by_side_and_never_oversell_it() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let malls = [Mall::open(&site).await, Mall::open(&site).await];
    let shop = Arc::new(Shop::at(malls.iter().map(Mall::url)));
    let _received = shop.ask(&receive(SKU, ON_HAND)).await.must_be(201);

    let asked = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..2 * CALLERS {
        let door = caller % 2;
        let (shop, asked, url) = (
            Arc::clone(&shop),
            Arc::clone(&asked),
            malls[door].url().to_owned(),
        );
        callers.spawn(async move {
            let (mut answered, mut held) = (0, 0);
            while asked.fetch_add(1, Ordering::Relaxed) < HOLDS {
                let answer = shop.ask_once(&url, &hold(SKU, Uuid::now_v7(), 1)).await;
                let answer = answer.expect("an answer at the first attempt").must_be(201);
                answered += 1;
                held += u64::from(answer.events() == ["StockHeld"]);
            }
            (door, answered, held)
        });
    }
    let (mut answered, mut held) = ([0; 2], 0);
    for (door, some, of_them_held) in callers.join_all().await {
        answered[door] += some;
        held += of_them_held;
    }
    assert_eq!(held, ON_HAND, "sold out, and no more");
    let is_fair = answered
        .iter()
        .all(|answered| answered * 100 >= HOLDS * FAIR_SHARE);
    assert!(is_fair, "one door starved: {answered:?}");
    laws::hold(&site, &shop).await;
}

/// Each line is asked at the first door, whose mall remembers the stock as it was before the second door changed it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_from_what_another_mall_has_changed() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let (here, there) = (Mall::open(&site).await, Mall::open(&site).await);
    let shop = Shop::at([here.url()]);
    let ask = async |mall: &Mall, wish: &Wish| {
        let answer = shop.ask_once(mall.url(), wish).await;
        answer.expect("an answer at the first attempt")
    };
    let order = Uuid::now_v7();

    // "Nothing to do": here no hold is known, there it was made.
    let _ = ask(&here, &receive("tea", 5)).await.must_be(201);
    let _ = ask(&here, &release("tea", order)).await.must_be(200);
    let _ = ask(&there, &hold("tea", order, 5)).await.must_be(201);
    let answer = ask(&here, &release("tea", order)).await.must_be(201);
    assert_eq!(answer.events(), ["StockReleased"]);
    // And the other way round, with the version that stands and not the one that is remembered.
    let _ = ask(&there, &hold("tea", order, 5)).await.must_be(201);
    let version = ask(&there, &release("tea", order)).await.must_be(201).body["version"].clone();
    let answer = ask(&here, &release("tea", order)).await.must_be(200);
    assert_eq!(answer.body["version"], version);

    // 422: here the shelf is full to the last number, there it was emptied.
    let _ = ask(&here, &receive("salt", FULL)).await.must_be(201);
    let answer = ask(&here, &receive("salt", 1)).await.must_be(422);
    assert_eq!(answer.problem(), "stock_overflow");
    let _ = ask(&there, &hold("salt", order, FULL)).await.must_be(201);
    let _ = ask(&there, &dispatch("salt", order)).await.must_be(201);
    let answer = ask(&here, &receive("salt", 1)).await.must_be(201);
    assert_eq!(answer.events(), ["StockReceived"]);

    // 412: here version 1 is remembered, there it became 2.
    let _ = ask(&here, &receive("rice", 1)).await.must_be(201);
    let _ = ask(&there, &receive("rice", 1)).await.must_be(201);
    let _ = ask(&here, &receive("rice", 1).at_version(2))
        .await
        .must_be(201);
    let _ = ask(&there, &receive("rice", 1)).await.must_be(201);
    let answer = ask(&here, &receive("rice", 1).at_version(3))
        .await
        .must_be(412);
    assert_eq!(answer.body["actual"], 4);

    // A person's order, placed here and cancelled there.
    let order = Uuid::now_v7();
    let _ = ask(&here, &place(order, &[("cup", 1)])).await.must_be(201);
    let cancelled = ask(&there, &cancel(order)).await;
    // 200 where it had cancelled itself for want of cups.
    assert!(matches!(cancelled.status, 200 | 201), "{cancelled:?}");
    let _ = ask(&here, &cancel(order)).await.must_be(200);
    laws::hold(&site, &shop).await;
}
