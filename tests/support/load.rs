//! A rush: customers in parallel who order, repeat themselves and change their minds, over a few SKUs with too little
//! stock, until they are told to go home.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::shop::Shop;
use crate::wait::eventually;
use crate::wish::{cancel, place, receive};

/// Few, so that they are fought for.
const SKUS: [&str; 5] = ["tea", "cup", "pot", "rice", "salt"];
/// Of each; far less than the rush wants.
const ON_HAND: u64 = 60;
const CUSTOMERS: u64 = 16;
/// Orders of one push, and answers after which it is in full swing: then orders are placed, held, recorded, relayed and
/// shown, all at once, and more are coming.
const PUSH: usize = 100;
const SWING: usize = 60;
/// For a mall that has just started to get there.
const SWING_LIMIT: Duration = Duration::from_secs(30);

/// Customers at work.
pub struct Rush {
    shop: Arc<Shop>,
    customers: JoinSet<()>,
    orders: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Rush {
    /// Fills the shelves and lets the customers in.
    pub async fn begin(shop: &Arc<Shop>, seed: u64) -> Self {
        for sku in SKUS {
            let _received = shop.ask(&receive(sku, ON_HAND)).await.must_be(201);
        }
        let closing = CancellationToken::new();
        let orders = Arc::new(Semaphore::new(0));
        let mut customers = JoinSet::new();
        for number in 0..CUSTOMERS {
            let customer = Customer {
                shop: Arc::clone(shop),
                closing: closing.clone(),
                orders: Arc::clone(&orders),
                dice: SmallRng::seed_from_u64(seed ^ (number << 32)),
            };
            customers.spawn(customer.order_until_closing());
        }
        let rush = Self {
            shop: Arc::clone(shop),
            customers,
            orders,
            closing,
        };
        rush.goes_on().await;
        rush.first_order_is_secured().await;
        rush.goes_on().await;
        rush
    }

    /// Then the relay, the policies and the views have all begun, and a fault meets all of them at work.
    async fn first_order_is_secured(&self) {
        eventually("an order is secured", SWING_LIMIT, || async {
            let page = self
                .shop
                .get("/views/order_status?state=stock_secured&limit=1")
                .await
                .body;
            let is_there = page["rows"].as_array().is_some_and(|rows| !rows.is_empty());
            is_there.then_some(()).ok_or(page)
        })
        .await;
    }

    /// Lets more customers order, and waits until the mall is in the middle of it.
    pub async fn goes_on(&self) {
        self.orders.add_permits(PUSH);
        self.shop.answers_more(SWING).await;
    }

    /// Lets everybody finish what they are at, and go.
    ///
    /// # Panics
    /// If a customer heard something that nobody should hear.
    pub async fn end(mut self) {
        self.closing.cancel();
        while let Some(gone) = self.customers.join_next().await {
            if let Err(error) = gone {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

struct Customer {
    shop: Arc<Shop>,
    closing: CancellationToken,
    orders: Arc<Semaphore>,
    dice: SmallRng,
}

impl Customer {
    async fn order_until_closing(mut self) {
        let (closing, orders) = (self.closing.clone(), Arc::clone(&self.orders));
        while let Some(Ok(permit)) = closing.run_until_cancelled(orders.acquire()).await {
            permit.forget();
            self.order().await;
        }
    }

    async fn order(&mut self) {
        let first = self.dice.random_range(0..SKUS.len());
        let second = (first + self.dice.random_range(1..SKUS.len())) % SKUS.len();
        let lines = [
            (SKUS[first], self.dice.random_range(1..=3)),
            (SKUS[second], self.dice.random_range(1..=3)),
        ];
        let order = Uuid::now_v7();
        let wish = place(order, &lines);
        let answer = self.shop.ask(&wish).await.must_be(201);
        if self.dice.random_ratio(1, 4) {
            assert_eq!(
                self.shop.ask(&wish).await,
                answer,
                "a repeat hears the first answer"
            );
        }
        if self.dice.random_ratio(1, 4) {
            let wish = cancel(order);
            let answer = self.shop.ask(&wish).await;
            // 200 where it had cancelled itself for want of stock.
            assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        }
    }
}
