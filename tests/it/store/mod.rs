//! The stores that operators share. Every test of a contract runs over each adapter.

mod contract;
mod formats;
pub(crate) mod holds;
mod journal;
mod locks;
mod lost_answers;
mod on_etcd;
mod on_sqlite;
mod queue;
mod registry;
pub(crate) mod world;
mod wrong_files;

/// Runs these tests of a module on a place.
macro_rules! each {
    ($module:ident, $place:expr; $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::store::$module::$name(&$place).await;
            }
        )*
    };
}

/// Runs every contract over one adapter: `place` makes a key-value store, `world` one with Greenroom's keys.
macro_rules! every_contract {
    ($place:expr, $world:expr) => {
        mod kv {
            use super::*;

            $crate::store::each! {
                contract, $place;
                all_ranges_are_read_at_one_revision
                a_transaction_changes_everything_or_nothing
                of_many_writers_one_wins
                a_pair_disappears_with_its_lease
                a_renewed_lease_keeps_its_pairs
                a_lease_outlives_its_process_and_still_expires
                a_watch_reports_every_change_from_its_revision_on
                a_watch_reports_the_highest_revision
                a_transaction_can_be_repeated_after_a_lost_answer
            }
        }

        mod domain {
            use super::*;

            $crate::store::each! {
                locks, $world;
                a_lock_is_taken_once_and_names_its_holder
                a_lock_is_taken_over_only_from_the_observed_holder
                of_many_concurrent_takers_exactly_one_gets_the_lock
                a_lock_that_was_deleted_by_hand_is_lost
                every_error_about_an_unreadable_lock_says_what_to_do
                a_heartbeat_renews_the_lease_and_without_it_the_lease_expires
                a_lock_beyond_the_longest_lease_is_reported_and_can_be_taken
                a_lock_a_little_beyond_the_longest_lease_is_held
                a_taken_lock_costs_no_lease
                the_same_lock_taken_again_is_adopted
                watchers_and_handover_requests_are_kept
                a_failed_write_of_presence_is_repeated
            }

            $crate::store::each! {
                registry, $world;
                registrations_and_route_are_read_back_at_one_revision
                a_repeated_write_changes_nothing
                a_route_is_swapped_only_from_its_value_and_to_a_registered_slot
                exactly_one_of_two_racing_swaps_wins
                an_older_token_is_refused_after_the_lock_moved
                foreign_values_are_sanitized_and_hide_nothing
                changes_are_reported_with_their_target
            }

            $crate::store::each! {
                journal, $world;
                a_release_is_read_as_written_and_repeated_writes_change_nothing
                a_different_entry_with_the_same_number_is_a_conflict
                releases_are_listed_newest_first_also_among_unreadable_keys
                a_journal_stays_below_64_kilobytes_with_room_for_its_end
                an_unreadable_head_hides_no_newest_head_of_another_target
                a_foreign_key_is_shown_and_hides_nothing
                an_entry_follows_the_one_before_it_in_an_opened_release
            }

            $crate::store::each! {
                formats, $world;
                no_record_of_a_newer_greenroom_is_read_or_replaced
            }

            $crate::store::each! {
                holds, $world;
                holds_are_kept
                an_unreadable_hold_is_not_overwritten
                a_rollback_writes_and_removes_its_hold_with_its_route
                approvals_are_kept_until_the_release_ends
                the_key_of_an_approval_outlives_the_approval
                an_unreadable_approval_is_reported_and_does_not_count
                an_approver_with_many_approvals_hides_no_other_one
                only_the_newest_approvals_of_an_approver_count
                approvers_beyond_the_limit_are_reported
                a_switch_compares_the_hold_and_the_approvals_it_was_decided_on
            }

            $crate::store::each! {
                queue, $world;
                an_entry_is_added_once
                a_full_queue_takes_no_entry
                an_entry_is_changed_only_from_the_state_that_was_read
                one_of_many_writers_changes_an_entry
                only_entries_that_have_ended_are_forgotten
                an_entry_of_a_newer_greenroom_stays_as_it_is
                a_foreign_value_in_a_queue_stops_nothing
                a_lost_answer_changes_a_queue_once
                a_change_that_was_overwritten_is_ambiguous
            }

            $crate::store::each! {
                lost_answers, $world;
                a_change_under_the_lock_is_made_once
                a_change_that_needs_no_lock_is_made_once
                a_lock_is_taken_and_released_once
                a_change_that_may_have_been_made_is_ambiguous
                a_refusal_after_a_lost_answer_is_ambiguous
                a_refusal_is_reported_if_the_lost_change_was_not_made
                a_store_that_answers_nothing_is_unreachable
            }
        }
    };
}

use {each, every_contract};
