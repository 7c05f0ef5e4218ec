//! What every log must keep, rule by rule; each rule gets topics and groups of its own.

#![expect(
    clippy::unwrap_used,
    reason = "the suite is a test: it fails where a rule does not hold"
)]

mod bench;
mod group;
mod publish;
mod read;
mod topics;

pub use bench::LogBench;

/// Runs every rule.
pub async fn all(bench: &dyn LogBench) {
    topics::a_missing_topic_has_no_partitions(bench).await;
    topics::creating_makes_what_is_missing_and_leaves_the_rest(bench).await;

    publish::records_come_back_as_they_were_handed_over(bench).await;
    publish::order_is_kept_and_every_tag_is_told(bench).await;
    publish::the_largest_event_passes(bench).await;
    publish::a_topic_that_is_not_there_fails_the_publisher(bench).await;
    publish::purging_ends_within_seconds(bench).await;

    read::edges_follow_what_is_published_and_deleted(bench).await;
    read::what_is_forgotten_is_gone_and_offsets_go_on(bench).await;
    read::reading_begins_where_it_is_told_and_knows_how_far_it_came(bench).await;
    read::an_offset_that_is_not_there_becomes_the_first(bench).await;
    read::an_emptied_partition_is_read_to_its_end_at_once(bench).await;
    read::a_control_record_is_passed_and_not_handed_out(bench).await;
    read::a_reader_hears_of_what_comes_later(bench).await;
    read::odd_records_are_handed_out_as_they_are(bench).await;

    group::a_lone_member_has_everything_and_reads_only_what_it_started(bench).await;
    group::ends_are_told_once_per_advance_and_for_each_topic(bench).await;
    group::a_second_member_gets_its_share_only_after_release(bench).await;
    group::what_a_member_leaves_behind_goes_to_the_others(bench).await;
    group::pausing_loses_and_doubles_nothing(bench).await;
    group::a_partition_can_be_started_again_elsewhere(bench).await;
    group::reading_on_while_a_group_grows_loses_nothing(bench).await;
}
