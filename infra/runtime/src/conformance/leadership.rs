//! What every ledger of the relay must keep, rule by rule; each rule gets a fresh store.

#![expect(
    clippy::unwrap_used,
    reason = "the suite is a test: it fails where a rule does not hold"
)]

mod bench;
mod checkpoint;
mod lead;
mod read;

pub use bench::LedgerBench;

/// Runs every rule, each on a store of its own.
pub async fn all<F, Fut, B>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = B>,
    B: LedgerBench,
{
    lead::one_leads_and_nobody_else_until_it_ends(&fresh().await).await;
    lead::a_broken_session_frees_leadership(&fresh().await).await;
    lead::who_led_before_can_do_nothing_any_more(&fresh().await).await;
    lead::a_stop_is_told_to_everybody_until_it_is_taken_back(&fresh().await).await;

    checkpoint::it_begins_at_nothing(&fresh().await).await;
    checkpoint::it_is_read_as_it_was_written(&fresh().await).await;
    checkpoint::it_outlives_its_leader(&fresh().await).await;

    read::events_come_in_order_and_bounded(&fresh().await).await;
    read::events_stored_by_others_are_seen(&fresh().await).await;
    read::stored_positions_are_told_apart_from_others(&fresh().await).await;
    read::the_newest_incarnation_is_the_stores(&fresh().await).await;
}
