//! The laws that hold after every fault, checked on what is stored, what was answered, what Kafka holds and what the
//! views show; each is waited for until everything that was owed is done.

mod answers;
mod ledger;
mod log;
mod policies;
mod stock;
mod views;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::shop::Shop;
use crate::site::Site;
use crate::stored::Stored;
use crate::wait::eventually;

/// For policies, relay and views to catch up with a rush on a busy machine.
pub const CATCH_UP: Duration = Duration::from_secs(90);

/// What is wrong, one sentence each.
pub type Complaints = Vec<String>;

/// Every law, Kafka included.
///
/// # Panics
/// If one is broken.
pub async fn hold(site: &Site, shop: &Shop) -> Stored {
    let stored = hold_but_for_the_log(site, shop).await;
    log::holds(site, &stored).await;
    stored
}

/// Every law but that of the log: for tests that took records out of it.
///
/// # Panics
/// If one is broken.
pub async fn hold_but_for_the_log(site: &Site, shop: &Shop) -> Stored {
    let stored = quiet(site).await;
    let laws = [
        ("the ledger is dense", ledger::complaints(&stored)),
        (
            "answered commands are stored once",
            answers::complaints(&stored, &shop.told()),
        ),
        ("policies took effect once", policies::complaints(&stored)),
        ("stock is never oversold", stock::complaints(&stored)),
        (
            "every order was secured or cancelled",
            stock::unsettled(&stored),
        ),
    ];
    for (law, complaints) in laws {
        assert!(
            complaints.is_empty(),
            "{law}, but {} complain:\n{}",
            complaints.len(),
            first(&complaints)
        );
    }
    views::hold(shop, &stored).await;
    stored
}

/// Law 5 alone, in the middle of things: what is stored by now comes to Kafka, while more is being stored.
///
/// # Panics
/// If it is broken.
pub async fn everything_is_in_the_log(site: &Site) {
    log::holds(site, &Stored::read(site).await).await;
}

/// Waits until every policy has done what it owes for every event.
pub async fn quiet(site: &Site) -> Stored {
    eventually("every policy acts on every event", CATCH_UP, || async {
        let stored = Stored::read(site).await;
        let owed = policies::owed(&stored);
        match owed.is_empty() {
            true => Ok(stored),
            false => Err(format!(
                "{} commands are owed:\n{}",
                owed.len(),
                first(&owed)
            )),
        }
    })
    .await
}

fn first(complaints: &[String]) -> String {
    complaints
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
}
