//! Which attack is shown to succeed where its one guard is not, by which test; and which cannot be, for what reason.

/// An attack that succeeds once its guard is off, or done honestly where there is nothing to switch.
#[derive(Clone, Copy, Debug)]
pub struct CounterRun {
    /// A name of the guest's table, a core module, or a test whose attacks are scripts.
    pub attack: &'static str,
    /// The test that runs it so.
    pub test: &'static str,
    /// Stands in that test, and is what makes the difference.
    pub by: &'static str,
}

const fn run(attack: &'static str, test: &'static str, by: &'static str) -> CounterRun {
    CounterRun { attack, test, by }
}

/// A test that holds the counter-run of its own attacks.
const fn own(test: &'static str, by: &'static str) -> CounterRun {
    CounterRun { attack: test, test, by }
}

/// One for each attack of the guest's table and each core module.
pub const OF_ATTACKS: &[CounterRun] = &[
    run("spin", "a_loop_in_present_is_ended_at_the_deadline", r#"only_time_stops(Attack::new("spin")"#),
    run("spin", "a_loop_in_cleanup_and_check_is_ended_at_the_deadline", r#"only_time_stops(Attack::new("spin")"#),
    run(
        "fill",
        "filling_memory_near_the_cap_again_and_again_is_ended_at_the_deadline",
        r#"only_time_stops(Attack::new("fill")"#,
    ),
    run("grow", "a_memory_bomb_ends_at_64_mib", "limits.memory_bytes = 128 << 20"),
    run("recurse", "deep_recursion_is_a_trap_and_a_short_message", r#"succeeds(Attack::new("recurse").arg("100"))"#),
    run("recursion.wat", "deep_recursion_is_a_trap_and_a_short_message", r#"runs_without("recursion.wat""#),
    run(
        "trap-after-create",
        "a_trap_after_a_create_leaves_the_journal_enough_to_clean_up_by",
        r#"setting("attack", "script")"#,
    ),
    run(
        "write-forever",
        "host_calls_without_end_stop_at_the_deadline",
        r#"only_time_stops(Attack::new("write-forever")"#,
    ),
    run("write-forever", "a_log_flood_ends_at_its_number_of_lines", "limits.log_lines = 10_000"),
    run(
        "digest-forever",
        "host_calls_without_end_stop_at_the_deadline",
        r#"only_time_stops(Attack::new("digest-forever")"#,
    ),
    run(
        "hold-secrets",
        "host_calls_without_end_stop_at_the_deadline",
        r#"succeeds(Attack::new("hold-secrets").arg("15"))"#,
    ),
    run("start_loop.wat", "a_start_function_that_loops_or_traps_is_ended", r#"runs_without("start_loop.wat""#),
    run("start_trap.wat", "a_start_function_that_loops_or_traps_is_ended", r#"runs_without("start_trap.wat""#),
    run("memory_at_once.wat", BUDGETS, r#"("memory_at_once.wat", &memory)"#),
    run("shared_budget.wat", BUDGETS, r#"("shared_budget.wat", &memory)"#),
    run("table_at_once.wat", BUDGETS, r#"("table_at_once.wat", &elements)"#),
    run("table_growth.wat", BUDGETS, r#"("table_growth.wat", &elements)"#),
    run("many_memories.wat", BUDGETS, "limits.memories = 100)"),
    run("many_tables.wat", BUDGETS, "limits.tables = 100)"),
    run(
        "send-forever",
        "the_peer_sees_no_request_beyond_the_number",
        r#"attack("send-forever", "100").limits(|limits| limits.requests = 1000)"#,
    ),
    run(
        "send-many-at-once",
        "the_peer_sees_no_request_beyond_the_number",
        r#"attack("send-many-at-once", "69").limits(|limits| limits.requests = 1000)"#,
    ),
    run("send-giant-batch", "a_batch_larger_than_one_host_call_may_carry_is_a_trap", "limits.hostcall_fuel = 1 << 30"),
    run(
        "update-forever",
        "dns_updates_count_as_requests_and_hold_each_value_once",
        r#"attack("update-forever", "100").limits(|limits| limits.requests = 1000)"#,
    ),
    run(
        "update-repeated",
        "dns_updates_count_as_requests_and_hold_each_value_once",
        r#"attack("update-repeated", "1")"#,
    ),
    run("log-giant", "a_giant_line_is_cut_and_costs_no_time", "limits.line_chars = 2 << 20"),
    run("error-giant", "giant_errors_are_cut", "limits.line_chars = 2 << 20"),
    run("endpoint-name", "a_refused_request_is_logged_clean_and_short", "limits.line_chars = 4 << 20"),
    run("state-giant", "a_giant_state_is_refused_by_its_size", "limits.state_bytes = 5000"),
    run("state-giant", "a_giant_state_is_refused_by_its_size", "limits.hostcall_fuel = 1 << 30"),
];

const BUDGETS: &str = "memories_and_tables_end_at_their_budget_however_they_are_cut";

/// Attacks of the table without one, and why.
pub const ATTACKS_WITHOUT: &[(&str, &str)] = &[
    ("nothing", "is no attack: the call that is unaffected after one"),
    ("script", "says nothing by itself; the tests that run one are listed one by one"),
    ("trap", "no guard holds it: the crash is the attack's whole effect, and the host goes on"),
    ("panic", "as `trap`; what is cut out of its words is always cut"),
    ("log", "escapes are always taken out; `pending` shows that the guest has them"),
    ("error", "escapes are always taken out; `pending` shows that the guest has them"),
    ("pending", "is itself the counter-run of `log` and `error`: state is kept byte by byte"),
];

/// One for each test of scripts; where its guard is off, one or more of its attacks succeed.
pub const OF_TESTS: &[CounterRun] = &[
    own("a_path_variable_is_one_plain_segment", "GET /v1/zones/z1/records"),
    own("headers_are_those_listed_once_and_on_one_line", r#"replacing("[\"x-note\"]", "[\"x-other\"]")"#),
    own("the_hosts_own_headers_and_the_secrets_place_are_not_the_guests", "sent(Attack::script(&free).wild())"),
    own("the_query_is_what_is_listed_once_and_encoded", r#"replacing("query = [\"name\"]", "query = [\"other\"]")"#),
    own("bodies_are_read_strictly", "sent(Attack::script(&zones_then(&plain)))"),
    own("one_refused_request_holds_its_whole_batch_back", "Attack::script(&honest)"),
    own("compressed_replies_are_not_taken", "content-encoding: identity"),
    own("many_large_replies_at_once_do_not_add_up", "alone(wide.present())"),
    own("drips_end_at_the_request_time", r#""body in two pieces""#),
    own("headers_without_end_are_cut", "with_headers(20_000)"),
    own("redirects_are_replies_and_are_not_followed", "against(&other.url)"),
    own(
        "a_reply_that_swells_when_it_is_read_is_withheld_and_takes_bounded_memory",
        ".wild().against(&reply_with(&more).url)",
    ),
    run(
        "a_manifest_cannot_name_this_machine_or_its_network_however_it_is_spelled",
        "what_the_user_typed_may_be_this_machine_and_never_a_metadata_service",
        "typed(attack.clone()",
    ),
    own("dns_updates_go_to_public_servers_or_where_the_user_typed", r#"setting("server", &local)"#),
    own("a_label_of_the_host_stays_one_label", "eu-1"),
    own("a_name_that_leads_to_this_machine_is_not_connected_to", r#"["127.0.0.1"]], true, 1"#),
    own("of_mixed_answers_none_is_used", r#"["127.0.0.1", "1.1.1.1"]], true, 1"#),
    own("an_answer_that_changes_is_judged_anew", r#"["127.0.0.1"]], true, 2"#),
    own("a_thousand_instances_are_too_many", "limits.instances = 2000"),
    own("a_compile_bomb_is_ended_in_the_child_by_its_time_or_memory", "8 << 30).0.unwrap()"),
    own("truncated_and_random_bytes_are_refused_in_words", "load(whole).is_ok()"),
    own("cloudflare_with_the_guard_off_foreign_names_and_values_are_changed", "unguarded(&lab)"),
    own("an_api_that_echoes_the_credential_tells_the_guest_nothing", r#"secret("api_token", "short")"#),
    own("a_manifest_cannot_stall_or_overflow_by_its_numbers", "rate_per_second = 0.1"),
    own("cloudflare_another_type_name_value_or_zone_is_not_created", "cloudflare_is_sent_unguarded"),
    own("cloudflare_only_the_orders_own_record_is_deleted", "cloudflare_is_sent_unguarded"),
    own("cloudflare_writes_in_no_phase_but_the_one_for_it", "cloudflare_is_sent_unguarded"),
    run("powerdns_a_set_is_read_first_and_written_with_all_it_had", POWERDNS_OFF, "reads = true"),
    run("powerdns_other_sets_names_and_spellings_are_left_alone", POWERDNS_OFF, "reads = true"),
    own("what_is_not_the_orders_is_refused_and_changes_with_the_effect_off", "bench.changed(off"),
    own("a_set_that_was_not_read_or_was_read_in_another_spelling_is_not_written", "without_effect(attack(&bench))"),
    own("what_is_smuggled_in_beside_the_change_is_refused_unless_listed", "given(off"),
    own(
        "a_zone_that_lacks_or_changes_what_is_not_the_orders_is_refused_and_written_with_the_effect_off",
        "bench.changed(off",
    ),
    own("a_zone_that_was_not_read_is_not_written", "mail_off"),
    own("another_zone_is_refused_by_that_guard_alone", "bench.changed(off"),
    own("another_zones_id_is_refused_by_that_guard_alone", "bench.changed(off"),
    own("the_command_the_user_and_the_mail_setting_are_not_the_providers_to_choose", "given(off"),
    own("keys_twice_in_another_case_or_beyond_the_rows_are_refused", "given(off"),
    own("what_is_not_the_orders_does_not_reach_the_server_and_would_be_done_there", "send_unguarded"),
    own("what_no_name_can_be_is_refused_before_it_is_a_message", r#""applied""#),
    run(
        "dns_updates_are_of_the_orders_values_in_their_phase",
        "what_is_not_the_orders_does_not_reach_the_server_and_would_be_done_there",
        "send_unguarded",
    ),
    own("a_sink_takes_only_what_was_derived_of_its_own_secret", r#""[\"raw api_secret\"]""#),
    run(
        "a_missing_doubled_or_displaced_injection_is_refused",
        "a_sink_takes_only_what_was_derived_of_its_own_secret",
        r#"given[3]["status"], 200"#,
    ),
    run(
        "a_secret_goes_nowhere_but_to_its_sinks",
        "a_sink_takes_only_what_was_derived_of_its_own_secret",
        r#""[\"raw api_secret\"]""#,
    ),
    own("what_is_captured_is_cut_out_of_the_reply", "given[1].is_number()"),
    own("a_credential_within_a_compressed_reply_is_blurred", "against(&plain.url)"),
    own("a_key_is_a_credential_as_it_stands_so_that_no_fault_tells_its_bytes", "Attack::script(&honest)"),
];

const POWERDNS_OFF: &str = "powerdns_the_whole_set_goes_through_and_with_the_guard_off_the_short_one_too";

const HONEST: &str = "is no attack: what the guards let through";

/// Tests of scripts without one, and why.
pub const TESTS_WITHOUT: &[(&str, &str)] = &[
    ("cloudflare_the_orders_value_is_created_in_present_and_deleted_in_cleanup", HONEST),
    ("the_orders_value_is_added_to_its_set_and_taken_out_again", HONEST),
    ("the_orders_value_is_added_to_the_whole_zone_and_taken_out_again", HONEST),
    ("the_provider_that_comes_with_acmite_works_under_its_own_guards_beside_a_hostile_one", HONEST),
    ("what_is_encoded_already_is_encoded_again", "encoding has no switch; the peer's log shows what it made"),
    ("a_reply_without_end_is_cut_at_its_limit", "has no end to be let run to, nor has a length of 100 TB"),
    ("informational_replies_without_end_stop_at_the_request_time", "has no end to be let run to"),
    ("protocol_nonsense_is_an_error_of_the_request", "no setting makes it a reply; all other tests get replies"),
    ("the_exemption_for_what_the_user_typed_is_not_the_manifests_to_claim", "the manifest's form has no switch"),
    (
        "cloudflare_nothing_is_smuggled_in_beside_what_is_checked",
        "a body is always read strictly, and no manifest may list a header that changes the method",
    ),
    ("a_secret_at_the_cut_of_a_giant_line_does_not_show_its_beginning", "log lines are always searched for secrets"),
    (
        "an_error_that_repeats_what_the_api_echoed_holds_no_secret",
        "errors are always searched for secrets; the peer's log shows the token",
    ),
    ("numbers_of_another_call_and_undeclared_names_give_nothing", "there is no such number or name to be switched on"),
    (
        "nothing_computed_from_a_secret_is_placeable_outside_its_class",
        "a model decides each case both ways: what it allows is placed",
    ),
    (
        "state_that_was_tampered_with_is_the_guests_own_trouble_and_memory_is_refused",
        "memory is always parsed; state of any kind is taken",
    ),
    (
        "state_of_another_order_replayed_gives_no_right_to_its_records",
        "the effect's guard is that of the other tests of Cloudflare, shown there",
    ),
    ("a_trap_or_panic_names_the_plugin_and_its_last_words", "as `trap` and `panic`"),
    ("escapes_in_log_lines_and_errors_are_taken_out", "always taken out; the guest's state shows that it gave them"),
];
