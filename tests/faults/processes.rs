//! A process dies in the middle of a rush.

use std::sync::Arc;

use jangbu_tests::laws;
use jangbu_tests::load::Rush;
use jangbu_tests::mall::{ALL_ROLES, Mall};
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;

use super::alone::alone;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_mall_goes_on_where_it_was() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 1).await;

    mall.kill();
    let mall = Mall::open_with(&site, ALL_ROLES, &mall.listen()).await;
    rush.goes_on().await;
    // And once more, as a crash loop would: what the second life had begun is half done, too.
    mall.kill();
    let mall = Mall::open_with(&site, ALL_ROLES, &mall.listen()).await;
    rush.goes_on().await;

    rush.end().await;
    laws::hold(&site, &shop).await;
    drop(mall);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_of_two_malls_dies_the_other_relays_reacts_and_shows() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let first = Mall::open(&site).await;
    let second = Mall::open(&site).await;
    let shop = Arc::new(Shop::at([first.url(), second.url()]));
    let rush = Rush::begin(&shop, 2).await;

    // One of the two leads the relay; each of them dies once, so the leader does.
    first.kill();
    rush.goes_on().await;
    laws::everything_is_in_the_log(&site).await;
    let first = Mall::open_with(&site, ALL_ROLES, &first.listen()).await;
    rush.goes_on().await;
    second.kill();
    rush.goes_on().await;

    rush.end().await;
    shop.move_to([first.url()]);
    laws::hold(&site, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mall_that_is_told_to_end_answers_what_it_took_and_ends_well() {
    let _alone = alone().await;
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let listen = mall.listen();
    let shop = Arc::new(Shop::at([mall.url()]));
    let rush = Rush::begin(&shop, 3).await;

    let ended = mall.stop().await;
    assert!(ended.success(), "{ended}");
    let mall = Mall::open_with(&site, ALL_ROLES, &listen).await;
    rush.goes_on().await;

    rush.end().await;
    laws::hold(&site, &shop).await;
    drop(mall);
}
