//! One battery of tests for every implementation of [`perigee_storage::Store`].

#[path = "battery/at_once.rs"]
mod at_once;
#[path = "battery/following.rs"]
mod following;
#[path = "battery/limits.rs"]
mod limits;
#[path = "battery/listing.rs"]
mod listing;
#[path = "battery/model.rs"]
mod model;
#[path = "battery/on_disk.rs"]
mod on_disk;
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
#[path = "battery/parts.rs"]
mod parts;
#[path = "battery/purging.rs"]
mod purging;
#[path = "battery/ranges.rs"]
mod ranges;
#[path = "battery/storing.rs"]
mod storing;
#[path = "battery/support.rs"]
mod support;
#[path = "battery/whole.rs"]
mod whole;
#[path = "battery/window.rs"]
mod window;

/// Runs the cases on the stores that `$make`, a [`support::Make`], gives, and with them those that are
/// for it alone.
macro_rules! battery {
    ($store:ident, $make:expr; $($alone:tt)*) => {
        mod $store {
            battery!(@cases $make;
                storing: a_key_without_responses_has_none, what_is_committed_is_found,
                    what_is_shown_at_once_is_what_is_found,
                    a_fill_that_is_dropped_leaves_nothing, a_body_that_is_too_short_is_not_stored,
                    a_body_that_is_too_long_is_not_stored, the_newer_takes_the_place_of_the_older,
                    variants_stand_side_by_side, the_oldest_variant_goes,
                    freshening_replaces_the_head, freshening_what_is_gone_does_nothing,
                    one_response_is_removed_and_its_variants_stay, keys_do_not_mix,
                    a_vary_that_names_more_ends_what_names_less;
                ranges: a_range_is_those_bytes, a_range_of_what_arrives_is_those_bytes,
                    a_range_past_the_end_ends_with_the_body, remaining_counts_down;
                parts: what_broke_off_is_kept_as_a_part, a_part_that_was_purged_is_not_kept,
                    a_part_takes_no_place_of_more, parts_of_one_version_become_one,
                    parts_of_two_versions_do_not, what_is_too_much_together_is_not_joined;
                following: a_follower_reads_what_has_come, the_end_shows_when_it_is_stored,
                    many_followers_read_the_same, a_late_follower_reads_it_all,
                    an_abandoned_body_ends_in_an_error, a_waiting_follower_is_woken,
                    waiting_followers_learn_of_the_end,
                    a_body_of_single_bytes_arrives;
                limits: a_large_object_streams_through, an_unknown_length_may_outgrow_the_limit,
                    the_budget_comes_back,
                    large_objects_in_a_row_are_weighed, a_large_object_finds_room_among_small_ones;
                listing: nothing_is_listed_of_an_empty_store, a_listing_agrees_with_a_map,
                    an_entry_tells_what_is_stored, only_what_is_wanted_is_listed;
                window: the_slowest_reader_holds_the_writer, who_lags_too_far_is_let_go,
                    who_catches_up_in_time_reads_on, a_reader_that_leaves_frees_the_writer,
                    a_reader_that_has_all_it_wants_holds_nobody, without_readers_it_stops,
                    the_first_reader_may_come_late, what_has_passed_is_gone,
                    a_range_far_ahead_holds_nothing;
                purging: a_purge_removes_all_variants, purges_are_numbered,
                    a_purge_is_about_what_it_names, other_variants_of_a_key_stay,
                    what_is_stale_by_a_purge_is_freshened,
                    a_validation_that_was_purged_freshens_nothing,
                    a_fill_under_way_is_not_stored, a_fill_under_way_is_as_stale_as_it_was_made,
                    what_was_asked_for_before_a_purge_is_not_stored,
                    a_fill_that_begins_after_is_stored, a_purge_wins_every_race;
            );

            battery!(@cases $make; $($alone)*);

            #[test]
            fn agrees_with_a_map() {
                super::model::agrees_with_a_map($make);
            }
        }
    };
    (@cases $make:expr; $($group:ident: $($case:ident),+;)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::support::in_time(super::$group::$case($make)).await;
            }
        )+)*
    };
}

battery!(memory, super::support::memory;
    at_once: what_memory_has_is_shown, only_an_answer_counts_as_a_request,
        what_was_purged_is_not_shown;
    storing: what_is_stored_is_weighed;
    whole: what_is_taken_whole_is_found, what_is_taken_whole_weighs_as_what_was_filled,
        what_is_taken_whole_stands_beside_its_variants,
        what_is_large_or_finds_no_room_is_to_be_filled,
        what_is_taken_whole_is_as_purges_have_left_it, a_purge_wins_every_race_with_it;
    limits: what_is_too_much_goes_at_once, the_capacity_holds, fills_share_a_budget;
    purging: what_was_purged_is_swept_out, purges_that_nothing_is_older_than_are_forgotten;
);
// It makes room by a segment at a time, and what was purged goes with its segment.
battery!(disk, super::on_disk::disk;
    limits: the_capacity_holds, fills_share_a_budget;
);
// What is too much for one tier goes to the other.
battery!(tiered, super::on_disk::tiered;
    at_once: what_memory_has_is_shown, only_an_answer_counts_as_a_request,
        what_was_purged_is_not_shown;
    whole: what_is_taken_whole_is_found, what_is_taken_whole_stands_beside_its_variants,
        what_is_taken_whole_is_as_purges_have_left_it, a_purge_wins_every_race_with_it;
);
