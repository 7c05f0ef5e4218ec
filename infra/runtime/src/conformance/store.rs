//! The rules of every event store, one function each; [`event_store`] runs them all.
//!
//! A store is given as two processes see it, since most rules are about what one may believe of the other.

mod appending;
mod given;
mod judging;
mod loading;
mod reading;
mod turns;

use std::sync::Arc;

use appending::*;
use judging::*;
use loading::*;
use reading::*;
use turns::*;

use crate::ports::EventStore;

/// A fresh, empty store, opened twice.
pub struct Opened {
    /// By one process.
    pub one: Arc<dyn EventStore>,
    /// By another.
    pub other: Arc<dyn EventStore>,
}

/// Every rule, each on a fresh store.
///
/// # Panics
/// If a rule does not hold; the function that panics is the rule.
pub async fn event_store(fresh: impl AsyncFn() -> Opened) {
    positions_are_dense_whoever_appends(fresh().await).await;
    a_batch_is_stored_in_order(fresh().await).await;
    a_later_entry_builds_on_an_earlier_one(fresh().await).await;
    a_failed_batch_stores_nothing(fresh().await).await;
    a_gap_is_refused(fresh().await).await;
    a_command_is_carried_out_once(fresh().await).await;
    a_check_that_holds_is_confirmed_and_stores_nothing(fresh().await).await;
    a_check_that_does_not_hold_fails(fresh().await).await;
    an_acknowledged_version_may_have_moved_on(fresh().await).await;
    commands_are_looked_up_by_id(fresh().await).await;

    a_batch_without_trouble_is_stored_in_checked_mode_too(fresh().await).await;
    a_conflict_brings_what_was_missed(fresh().await).await;
    a_known_command_gets_its_facts_again(fresh().await).await;
    whatever_follows_a_failed_one_is_behind(fresh().await).await;
    the_expected_version_is_judged_before_the_version(fresh().await).await;
    a_gap_is_a_conflict_of_its_own_entry_only(fresh().await).await;
    bad_data_harm_no_neighbour(fresh().await).await;
    a_known_command_is_known_whatever_its_data(fresh().await).await;
    who_lost_a_race_is_named_to_everybody(fresh().await).await;

    an_empty_store_has_no_head(fresh().await).await;
    the_head_is_the_newest_event(fresh().await).await;
    the_tail_comes_in_order_and_bounded(fresh().await).await;
    many_aggregates_are_loaded_in_the_order_asked(fresh().await).await;
    a_snapshot_of_the_schema_shortens_the_load(fresh().await).await;
    what_is_at_hand_is_not_loaded_again(fresh().await).await;
    an_impossible_id_has_no_events(fresh().await).await;
    every_filter_filters(fresh().await).await;
    a_search_goes_on_where_it_stopped(fresh().await).await;
    an_announcement_wakes_every_process(fresh().await).await;

    a_turn_excludes_the_other_process(fresh().await).await;
    a_turn_that_is_dropped_is_over(fresh().await).await;
    turns_at_different_aggregates_do_not_wait(fresh().await).await;
}
