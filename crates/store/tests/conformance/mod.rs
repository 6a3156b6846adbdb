//! The specification of [`ringback_store::Store`] in code: what every backend has to do, whatever its
//! database.
//!
//! The actors: a [`Backend`] is one database of its own, made for one case and opened as often as the case
//! likes; a [`World`] is that database opened, with the ids and times a case needs. [`conformance!`] makes
//! one test of every case, so that a further backend is a [`Backend`] and one line. A case that the macro
//! does not list is dead code, which the build refuses.
//!
//! Time is a value here as everywhere: nothing sleeps. What is *not* shown: that an answer survives a loss of
//! power, or a process that is killed; the tests of the real binary do that.

mod backend;
mod call;
mod finishing;
mod replaying;
mod world;

pub(crate) mod admin;
pub(crate) mod api_keys;
pub(crate) mod append;
pub(crate) mod batches;
pub(crate) mod chart;
pub(crate) mod claim;
pub(crate) mod close;
pub(crate) mod deliveries;
pub(crate) mod endpoint_tests;
pub(crate) mod endpoints;
pub(crate) mod event_types;
pub(crate) mod events;
pub(crate) mod expiry;
pub(crate) mod extras;
pub(crate) mod finish;
pub(crate) mod giving_up;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod leases;
pub(crate) mod order;
pub(crate) mod order_model;
pub(crate) mod pages;
pub(crate) mod projects;
pub(crate) mod prune;
pub(crate) mod receipts;
pub(crate) mod replay_queries;
pub(crate) mod replay_targets;
pub(crate) mod replays;
pub(crate) mod rotation;
pub(crate) mod routing;
pub(crate) mod rules;
pub(crate) mod secrecy;
pub(crate) mod secrets;
pub(crate) mod sources;
pub(crate) mod states;

pub(crate) use backend::{Backend, Opening};
pub(crate) use finishing::{DEAD, failed, succeeded, unattempted};
pub(crate) use world::{World, at, concurrently, keyring, secret};

/// Makes a `#[tokio::test]` of every case, each with a fresh backend. The expression stands in other modules
/// than this line, so its paths begin with `crate::`.
macro_rules! conformance {
    ($backend:expr) => {
        $crate::conformance::conformance! { @topics $backend;
            admin {
                the_default_project_is_there_from_the_start_and_stays_the_same
                the_admin_key_is_the_last_one_set
                an_admin_key_that_is_offered_is_taken_only_if_there_is_none
                a_check_of_a_sound_database_passes
            }
            api_keys {
                a_new_key_is_found_by_its_hash
                a_keys_use_is_noted
                a_deleted_key_opens_nothing
                a_hash_is_one_keys_own
                keys_are_bounded
                keys_of_unknown_projects_are_refused
            }
            append {
                a_new_call_becomes_an_event_with_a_delivery_for_each_endpoint
                a_repeated_webhook_id_makes_no_second_event
                a_webhook_id_is_one_sources_own
                what_no_endpoint_wants_is_kept_unrouted
                a_delivery_born_leased_is_its_appenders_to_finish
                bytes_are_kept_exactly
                the_ids_of_the_body_are_kept_or_null
                the_longest_texts_fit
                a_refused_plan_leaves_nothing_behind
                an_unknown_project_is_refused
                what_is_published_has_no_receipt
                a_repetition_is_told_by_the_hash_that_it_comes_with
            }
            batches {
                a_batch_is_appended_whole_and_in_its_order
                a_batch_of_none_is_no_error
                a_repetition_in_a_batch_is_a_duplicate
                another_event_under_a_known_id_leaves_nothing_of_its_batch
                an_id_is_one_sources_own_in_a_batch_too
                a_refused_row_leaves_nothing_of_its_batch_and_harms_no_other
                a_thousand_in_one_batch_are_all_durable
                of_batches_at_once_with_the_same_ids_one_is_accepted
                a_batch_is_routed_by_the_configuration_of_its_commit
            }
            claim {
                only_what_is_due_is_claimed
                the_earliest_come_first_and_no_more_than_asked_for
                a_claim_is_for_one_endpoint
                a_claim_brings_all_that_an_attempt_needs
                simultaneous_claims_share_nothing
                due_endpoints_are_listed_once_with_their_earliest
                the_backlog_counts_what_waits_and_what_is_under_way
            }
            close {
                everything_after_a_close_is_closed
                a_close_loses_nothing_that_was_answered
                a_close_in_the_middle_of_writes_answers_each_truthfully
            }
            deliveries {
                every_filter_selects_alone_and_with_each_other
                lists_of_deliveries_run_both_ways
                what_is_listed_is_what_the_event_says_of_it
                a_redelivery_is_a_delivery_of_its_own
                redeliveries_are_made_all_or_none
                a_pending_delivery_is_called_off
                what_has_ended_or_is_unknown_is_not_called_off
            }
            endpoint_tests {
                a_test_goes_to_its_endpoint_alone_whatever_that_wants
                a_test_may_be_born_leased
                a_test_of_a_deleted_endpoint_is_an_orphan
                a_test_of_an_unknown_endpoint_is_refused
            }
            endpoints {
                a_new_endpoint_is_everywhere_at_once
                each_field_changes_alone
                what_is_paused_or_disabled_says_since_when
                a_change_that_changes_nothing_moves_nothing
                a_deleted_endpoint_leaves_its_history
                a_long_queue_is_cancelled_in_bounded_steps
                orphans_are_those_of_a_deleted_endpoint_only
                unknown_endpoints_are_not_found
            }
            event_types {
                seen_types_come_once_each_and_in_order
                a_registered_type_is_kept_once
                registered_types_are_bounded
                how_old_a_type_may_be_is_the_catalogues_until_it_is_set
            }
            events {
                a_record_says_what_was_appended
                filters_select_alone_and_together
                both_spellings_of_the_cancelled_eval_run_find_either
                a_detail_has_deliveries_and_attempts_in_order
                the_types_that_were_seen_are_known
                unknown_events_are_not_found
            }
            expiry {
                what_is_too_old_is_not_claimed
                what_is_too_old_is_ended_in_bounded_steps
                an_attempt_that_is_under_way_may_still_arrive
                a_retry_that_ages_expires_as_well
                what_does_not_age_does_not_expire
                what_ages_goes_before_what_is_due_earlier
                an_endpoint_is_due_by_the_earliest_of_either_kind
                an_endpoints_own_age_goes_before_its_types
                age_and_urgency_outlive_a_restart
            }
            extras {
                what_an_endpoint_is_made_with_is_kept
                each_extra_changes_alone_and_can_be_taken_away
                an_endpoint_that_begins_paused_is_resumed_like_any_other
            }
            finish {
                each_step_leads_to_its_state
                an_attempt_is_kept_as_reported
                attempts_are_counted_from_the_first
                an_attempt_that_is_refused_changes_nothing
                an_attempt_gives_no_reason_that_is_not_its_own
                a_late_failure_is_recorded_and_changes_nothing
                a_late_success_delivers
                a_finish_after_the_lease_was_reclaimed_does_not_reschedule
                a_finish_of_a_former_run_is_a_late_one
                a_final_delivery_stays_as_it_ended
                a_finish_of_a_pruned_delivery_is_dropped
            }
            giving_up {
                what_is_pending_for_too_long_is_given_up_in_bounded_steps
                an_attempt_under_way_is_recorded_before_its_delivery_is_given_up
                an_attempt_that_outlives_its_delivery_is_not_recorded
                one_that_is_given_up_lets_the_next_in_its_order_go
                what_is_sent_again_is_as_old_as_its_event
                what_was_found_is_looked_at_again
            }
            groups {
                a_hundred_calls_with_one_webhook_id_make_one_event
                a_thousand_simultaneous_appends_are_all_durable
                a_refused_row_harms_nobody
                an_endpoint_deleted_amid_appends_is_left_with_nothing_pending
                an_endpoint_made_amid_appends_misses_nothing_after_its_answer
            }
            health {
                failures_are_remembered_and_forgotten
                a_note_that_is_out_of_date_is_void_unless_the_endpoint_is_gone
                a_disabled_endpoint_gets_nothing_more_from_the_same_moment_on
                only_what_is_still_so_is_noted
                a_note_and_its_attempt_are_one
                a_new_url_or_an_enabling_forgets_the_failures
            }
            idempotency {
                the_first_runs_and_the_others_get_its_answer
                answers_are_kept_exactly
                an_answer_without_a_final_status_is_refused
                a_key_stands_for_one_request
                a_key_is_a_projects_and_a_routes_own
                of_many_at_once_exactly_one_is_new
                what_was_forgotten_is_run_again
                what_a_former_run_began_is_interrupted_or_run_again
                an_answer_is_kept_for_exactly_a_day
                keys_are_pruned_in_bounded_steps
                an_answer_outlives_a_rotation_and_is_lost_with_its_key
            }
            leases {
                a_leased_delivery_is_out_of_sight
                each_claim_raises_the_token
                a_release_gives_back_only_what_is_still_ones_own
                only_expired_leases_are_reclaimed
                a_restart_voids_every_lease
            }
            order {
                a_successor_waits_and_nobody_claims_it
                an_append_says_due_only_for_what_is
                a_finished_one_lets_the_next_go
                a_cancelled_one_lets_the_next_go
                a_long_queue_of_a_deleted_endpoint_is_cancelled_to_its_end
                an_expired_one_lets_the_next_go
                a_failed_one_is_waited_for_so_long_after_its_first_attempt
                an_end_ends_the_wait_at_once
                what_comes_later_waits_by_the_last_one_that_is_pending
                a_cancelled_one_lets_nobody_past_those_before_it
                only_an_object_and_an_endpoint_of_its_own_make_an_order
                an_order_begins_and_ends_with_what_comes_next
                what_ages_waits_for_its_turn_all_the_same
                a_plan_made_anew_keeps_the_order
                a_batch_is_in_order_too
                a_deleted_endpoint_takes_those_that_wait_along
                a_late_failure_lets_nobody_go_and_a_late_success_does
                whoever_is_under_way_or_has_a_schedule_of_its_own_is_let_be
            }
            order_model {
                whatever_happens_only_those_go_whose_turn_has_come
            }
            pages {
                events_run_both_ways
                events_continue_after_an_id_that_is_not_there
                filtered_events_are_paged_too
                sources_and_endpoints_are_paged_alike
                projects_and_their_keys_are_paged_alike
            }
            projects {
                a_new_project_is_everywhere_at_once
                the_default_project_has_its_publish_source_from_the_start
                a_name_is_one_projects_own
                a_renamed_project_keeps_what_it_has
                an_archived_project_takes_nothing_in_and_delivers_what_it_has
                a_project_has_one_publish_source
                unknown_projects_are_not_found
                nothing_of_one_project_is_found_in_another
                due_endpoints_are_those_of_every_project
            }
            prune {
                what_is_old_and_finished_goes_with_all_that_belongs_to_it
                what_is_pending_stays_however_old
                what_lies_behind_many_held_events_goes_within_a_sweep
                a_pending_event_does_not_hold_up_those_behind_it
                webhook_ids_have_a_retention_of_their_own
                steps_are_bounded
            }
            receipts {
                a_call_that_was_taken_in_leaves_its_receipt
                a_refused_call_is_kept_as_it_came
                refusals_are_counted_by_source_and_reason
                an_admission_completes_the_receipt_and_lets_go_of_the_call
                an_admission_of_what_is_known_is_a_duplicate
                held_calls_are_bounded_and_read_in_order
                receipts_are_filtered_and_paged
            }
            replay_queries {
                each_field_narrows_alone_and_with_the_others
                a_type_is_found_by_either_spelling
                each_state_is_how_an_event_stands_with_the_endpoint
                what_was_replayed_is_not_missed_again
                without_an_endpoint_each_that_wants_it_now_gets_it
                an_endpoint_is_concerned_by_what_it_had_and_by_what_it_subscribes_to
                tests_of_endpoints_are_not_replayed
                what_comes_after_the_making_is_not_replayed
                a_query_is_of_its_project
            }
            replay_targets {
                another_url_gets_each_event_once
                a_running_replay_is_not_cleared
                another_url_has_an_endpoint_as_long_as_it_is_needed
                another_url_goes_with_a_replay_that_is_called_off
            }
            replays {
                a_new_replay_is_kept_as_it_was_asked_for
                a_replay_is_made_in_bounded_steps
                a_replay_of_nothing_is_completed_by_its_first_step
                one_step_may_look_in_vain_and_is_not_the_last
                the_same_step_taken_twice_at_once_counts_once
                a_replay_that_is_called_off_makes_no_more_and_takes_back_what_is_pending
                only_what_can_still_be_called_off_is
                an_endpoint_that_is_deleted_meanwhile_gets_nothing
                an_endpoint_that_is_disabled_meanwhile_keeps_its_replay_waiting
                what_is_pruned_meanwhile_is_missing
                a_replay_is_pruned_when_nothing_names_it
                running_replays_are_bounded_in_each_project
                replays_are_a_projects_own_and_paged
                a_replays_deliveries_end_like_any_others
            }
            rotation {
                a_rotation_without_overlap_ends_all_others_at_once
                a_rotation_with_overlap_lets_both_sign_until_its_end
                an_end_comes_nearer_and_is_never_put_off
                at_most_three_sign_and_the_oldest_makes_room
                what_has_expired_takes_no_ones_place
                a_rotation_forgets_what_has_expired
                a_revoked_secret_is_gone_at_once
                only_an_older_secret_of_its_own_is_revoked
                secrets_of_unknown_endpoints_are_not_found
            }
            routing {
                a_plan_of_the_present_configuration_is_followed
                a_plan_is_made_anew_when_the_configuration_has_moved
                a_plan_made_anew_is_born_due
                a_type_is_routed_by_either_spelling
                paused_endpoints_get_deliveries_and_disabled_ones_none
            }
            rules {
                the_rules_an_endpoint_is_made_with_are_kept
                each_rule_changes_alone_and_can_be_taken_away
                rules_that_are_none_are_refused
                an_endpoint_that_goes_on_says_since_when
            }
            secrets {
                secrets_are_the_same_after_a_restart
                a_wrong_key_is_refused_by_its_name
                keys_are_rotated_by_a_list
                headers_and_authentication_move_to_the_new_key_too
                keys_of_either_scheme_are_the_same_after_a_rotation_and_a_restart
            }
            sources {
                a_new_source_is_everywhere_at_once
                a_source_changes_and_a_change_that_changes_nothing_moves_nothing
                an_archived_source_is_still_found_by_its_token
                secrets_are_added_up_to_the_limit
                a_removed_secret_is_gone
                a_deleted_source_is_gone_and_its_events_stay
                a_token_is_given_once
                the_source_of_what_is_published_stays_as_it_is
                unknown_sources_are_not_found
            }
            states {
                an_events_state_follows_from_its_deliveries
                what_an_endpoint_has_got_at_last_it_has_got
            }
        }
    };
    (@topics $backend:expr; $($topic:ident { $($case:ident)+ })+) => {
        $(mod $topic {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let world = $crate::conformance::World::new($backend).await;
                $crate::conformance::$topic::$case(world).await;
            })+
        })+
    };
}
pub(crate) use conformance;

/// Asserts that a result is this error, without asking that its value can be shown.
macro_rules! assert_err {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match $result.map(drop) {
            Err($pattern) $(if $guard)? => (),
            other => panic!("expected {}, got {other:?}", stringify!($pattern $(if $guard)?)),
        }
    };
}
pub(crate) use assert_err;
