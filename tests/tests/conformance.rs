//! Every provider through the one suite. A new provider is one more module.

/// One test for each case.
macro_rules! cases {
    ($adapter:ident; $($topic:ident: $($case:ident),+;)+) => {
        use acmite_tests::conformance;
        $($(
            #[tokio::test]
            async fn $case() {
                let adapter = conformance::adapters::$adapter();
                conformance::$topic::$case(&adapter).await;
                conformance::descriptions::hold(&adapter);
            }
        )+)+
    };
}

/// Cases for any provider.
macro_rules! for_all {
    ($adapter:ident) => {
        cases! { $adapter;
            values: two_values_share_one_name, names_cost_as_many_requests_as_is_documented,
                a_repeated_present_changes_nothing, cleanup_works_without_state, an_absent_value_is_removed_already,
                cleanup_of_one_value_leaves_its_sibling, foreign_records_stay,
                a_long_value_with_quotes_and_backslashes_stays_as_it_is;
            zones: the_zone_of_the_call_is_written_and_not_its_parent, a_zone_that_is_the_name_itself_is_written,
                a_zone_behind_many_others_is_found,
                records_behind_many_others_are_found, several_names_are_published_among_many_records,
                an_internationalised_name_is_published,
                a_zone_the_account_lacks_is_told;
            check: check_passes_with_the_right_credential, check_tells_of_a_zone_the_account_lacks,
                a_wrong_credential_is_denied_and_changes_nothing;
        }
    };
}

/// Cases for a provider whose API the lab mocks.
macro_rules! for_mocks {
    ($adapter:ident) => {
        mod faults {
            cases! { $adapter;
                faults: each_status_becomes_its_kind_of_error, a_status_on_a_write_becomes_its_kind_of_error,
                    a_rate_limit_says_how_long_to_wait, a_malformed_reply_is_the_apis_fault,
                    a_slow_reply_is_waited_for, a_reply_that_breaks_off_is_a_passing_fault,
                    an_api_that_is_away_is_a_passing_fault,
                    a_publication_that_seemed_to_fail_is_completed_by_the_next,
                    a_removal_that_seemed_to_fail_is_completed_by_the_next,
                    a_failed_publication_is_removed_without_state;
            }
        }
    };
}

/// Cases for a provider whose API knows rights that a credential may lack.
macro_rules! for_rights {
    ($adapter:ident) => {
        mod rights {
            cases! { $adapter;
                rights: check_tells_of_a_right_that_is_missing, a_missing_right_to_write_is_told_at_the_first_write;
            }
        }
    };
}

mod cloudflare {
    for_all!(cloudflare);
    for_mocks!(cloudflare);
    for_rights!(cloudflare);

    mod time {
        cases! { cloudflare; faults: a_reply_that_does_not_come_is_a_passing_fault; }
    }
}

mod dnspod {
    for_all!(dnspod);
    for_mocks!(dnspod);
    for_rights!(dnspod);
}

mod cloudflare_by_key {
    for_all!(cloudflare_by_key);
}

mod ovh {
    for_all!(ovh);
    for_mocks!(ovh);
    for_rights!(ovh);
}

mod ovh_oauth2 {
    for_all!(ovh_oauth2);

    mod login {
        cases! { ovh_oauth2; login: zones_side_by_side_log_in_once; }
    }
}

mod porkbun {
    for_all!(porkbun);
    for_mocks!(porkbun);
    for_rights!(porkbun);
}

mod powerdns {
    for_all!(powerdns);
    for_mocks!(powerdns);
}

mod route53 {
    for_all!(route53);

    mod listing {
        cases! { route53; listing: a_zone_of_several_pages_is_read_by_name, a_zone_of_one_page_is_read_at_once; }
    }

    for_mocks!(route53);
    for_rights!(route53);

    mod settled {
        cases! { route53; settled: a_change_is_pending_until_the_api_says_otherwise; }
    }
}

/// All but what is about the credential, which moto does not look at.
mod route53_moto {
    cases! { route53_moto;
        values: two_values_share_one_name, names_cost_as_many_requests_as_is_documented,
            a_repeated_present_changes_nothing, cleanup_works_without_state, an_absent_value_is_removed_already,
            cleanup_of_one_value_leaves_its_sibling, foreign_records_stay,
            a_long_value_with_quotes_and_backslashes_stays_as_it_is;
        zones: the_zone_of_the_call_is_written_and_not_its_parent, a_zone_that_is_the_name_itself_is_written,
            a_zone_behind_many_others_is_found, records_behind_many_others_are_found,
            several_names_are_published_among_many_records, an_internationalised_name_is_published, a_zone_the_account_lacks_is_told;
        check: check_passes_with_the_right_credential, check_tells_of_a_zone_the_account_lacks;
    }
}

mod route53_temporary {
    for_all!(route53_temporary);
}

mod rfc2136_bind {
    for_all!(rfc2136_bind);
}

mod rfc2136_knot {
    for_all!(rfc2136_knot);
}

mod digitalocean {
    for_all!(digitalocean);
    for_mocks!(digitalocean);
    for_rights!(digitalocean);
}

mod linode {
    for_all!(linode);
    for_mocks!(linode);
    for_rights!(linode);
}

/// The template passes as it stands.
mod quillzone {
    for_all!(quillzone);
    for_mocks!(quillzone);
    for_rights!(quillzone);
}

mod hetzner {
    for_all!(hetzner);
    for_mocks!(hetzner);
    for_rights!(hetzner);

    mod settled {
        cases! { hetzner; values: publishing_is_pending_and_then_settled; }
    }
}

mod inwx {
    for_all!(inwx);
    for_mocks!(inwx);
    for_rights!(inwx);
}

mod inwx_second_factor {
    for_all!(inwx_second_factor);

    mod login {
        cases! { inwx_second_factor; login: zones_side_by_side_log_in_once; }
    }
}

mod azure {
    mod login {
        cases! { azure; login: zones_side_by_side_log_in_once; }
    }

    for_all!(azure);
    for_mocks!(azure);
    for_rights!(azure);
}

mod namecheap {
    for_all!(namecheap);
    for_mocks!(namecheap);
    for_rights!(namecheap);
}

mod duckdns {
    cases! { duckdns;
        slots: values_are_published_again_and_removed_and_foreign_ones_stay, a_second_value_at_one_name_is_unsupported,
            a_wrong_token_is_denied_and_changes_nothing, check_tells_of_another_zone_and_writes_nothing,
            each_status_becomes_its_kind_of_error,
            a_publication_that_failed_is_completed_by_the_next_and_removed;
    }
}

mod google {
    for_all!(google);

    mod listing {
        cases! { google; listing: a_zone_of_several_pages_is_read_by_name, a_zone_of_one_page_is_read_at_once; }
    }

    for_mocks!(google);
    for_rights!(google);

    mod login {
        cases! { google; login: zones_side_by_side_log_in_once; }
    }

    mod settled {
        cases! { google; settled: a_change_is_pending_until_the_api_says_otherwise; }
    }
}
