//! What providers send, as implementations that are not ours see it: vendors' own SDKs and clients, out of the Python
//! Package Index. Each oracle is shown to bite, too.

use acmite_lab::api;
use acmite_tests::conformance::adapters::{self, Adapter};
use acmite_tests::conformance::exchange::Exchange;
use acmite_tests::conformance::{values, zones};
use acmite_tests::oracle::{Verdict, judge};
use serde_json::{Value, json};

/// Everything that a few cases of the suite have sent.
async fn heard(adapter: &Adapter) -> Vec<Exchange> {
    values::two_values_share_one_name(adapter).await;
    values::cleanup_works_without_state(adapter).await;
    values::a_long_value_with_quotes_and_backslashes_stays_as_it_is(adapter).await;
    zones::an_internationalised_name_is_published(adapter).await;
    zones::records_behind_many_others_are_found(adapter).await;
    zones::a_zone_the_account_lacks_is_told(adapter).await;
    adapter.exchanges.all()
}

/// That the oracle finds nothing wrong, and has checked all that it should.
#[track_caller]
fn agrees(verdict: &Verdict, checks: &[&str]) {
    assert!(verdict.faults.is_empty(), "{:#?}", verdict.faults);
    for check in checks {
        assert!(verdict.held(check) > 0, "{check} was not checked: {:?}", verdict.checked);
    }
}

/// The exchanges with one thing changed in those that have it; at least one has.
#[track_caller]
fn tampered(exchanges: &[Exchange], tamper: impl Fn(&mut Exchange)) -> Vec<Exchange> {
    let mut changed = exchanges.to_vec();
    changed.iter_mut().for_each(tamper);
    let differs = |(one, other): (&Exchange, &Exchange)| json!(one) != json!(other);
    assert!(exchanges.iter().zip(&changed).any(differs), "nothing was changed");
    changed
}

fn replaced(text: &mut String, from: &str, to: &str) {
    *text = text.replace(from, to);
}

fn header(exchange: &mut Exchange, name: &str, change: impl Fn(&str) -> String) {
    if let Some(value) = exchange.headers.get_mut(name) {
        *value = change(value);
    }
}

/// With its last hexadecimal digit another one.
fn another_digit(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test]
async fn botocore_signs_and_writes_route_53s_requests_as_acmite_does() {
    for adapter in [adapters::route53(), adapters::route53_temporary()] {
        let exchanges = heard(&adapter).await;
        let facts = json!({"secret": adapter.credential, "key_id": api::ROUTE53_KEY_ID,
            "temporary_id": api::ROUTE53_TEMPORARY_ID, "token": api::ROUTE53_TOKEN});
        let Some(verdict) = judge("route53", &exchanges, &facts) else { return };
        let operations = ["ListHostedZonesByName", "ListResourceRecordSets", "ChangeResourceRecordSets"];
        agrees(&verdict, &[&operations[..], &["signatures", "replies 200"]].concat());
        assert_eq!(verdict.held("signatures"), exchanges.len());

        let bitten = |tamper: fn(&mut Exchange)| judge("route53", &tampered(&exchanges, tamper), &facts);
        let signed = bitten(|one| header(one, "authorization", another_digit)).expect("the oracle");
        assert_eq!(signed.faults_of("signatures", "authorization"), exchanges.len());
        let body = bitten(|one| replaced(&mut one.body, "TTL>", "Ttl>")).expect("the oracle");
        assert!(body.faults_of("ChangeResourceRecordSets", "Ttl in ResourceRecordSet is unknown") > 0, "{body:?}");
        assert!(body.faults_of("signatures", "authorization") > 0, "{body:?}");
        let reply = bitten(|one| one.reply = text_of(&one.reply).replace("<MaxItems>1</MaxItems>", "").into());
        let reply = reply.expect("the oracle");
        assert!(reply.faults_of("replies 200", "MaxItems is missing") > 0, "{reply:?}");
    }
}

fn text_of(reply: &Value) -> &str {
    reply.as_str().unwrap_or_default()
}

#[tokio::test]
async fn tencents_sdk_signs_and_knows_dnspods_requests_as_acmite_sends_them() {
    let adapter = adapters::dnspod();
    let exchanges = heard(&adapter).await;
    let facts = json!({"secret": adapter.credential, "key_id": api::DNSPOD_KEY_ID});
    let Some(verdict) = judge("dnspod", &exchanges, &facts) else { return };
    let actions = ["DescribeRecordList", "CreateRecord", "DeleteRecord"];
    agrees(&verdict, &[&actions[..], &["versions", "replies"]].concat());
    assert_eq!(verdict.held("signatures"), exchanges.len());

    let bitten = |tamper: fn(&mut Exchange)| judge("dnspod", &tampered(&exchanges, tamper), &facts);
    let signed = bitten(|one| header(one, "authorization", another_digit)).expect("the oracle");
    assert_eq!(signed.faults_of("signatures", "authorization"), exchanges.len());
    let body = bitten(|one| replaced(&mut one.body, "\"RecordLine\"", "\"RecordLines\"")).expect("the oracle");
    assert!(body.faults_of("CreateRecord", "RecordLines") > 0, "{body:?}");
}

#[tokio::test]
async fn ovhs_client_signs_requests_as_acmite_does() {
    let adapter = adapters::ovh();
    let exchanges = heard(&adapter).await;
    let facts = json!({"secret": adapter.credential, "application_key": api::OVH_APPLICATION_KEY,
        "consumer_key": api::OVH_CONSUMER_KEY});
    let Some(verdict) = judge("ovh", &exchanges, &facts) else { return };
    agrees(&verdict, &["times"]);
    assert_eq!(verdict.held("signatures") + verdict.held("times"), exchanges.len());

    let bitten = |tamper: fn(&mut Exchange)| judge("ovh", &tampered(&exchanges, tamper), &facts);
    let signed = bitten(|one| header(one, "x-ovh-signature", another_digit)).expect("the oracle");
    assert_eq!(signed.faults_of("signatures", "X-Ovh-Signature"), verdict.held("signatures"));
}

#[tokio::test]
async fn googles_libraries_sign_and_build_requests_as_acmite_does() {
    let adapter = adapters::google();
    let exchanges = heard(&adapter).await;
    let facts = json!({"private_key": adapter.credential, "client_email": api::GOOGLE_EMAIL});
    let Some(verdict) = judge("google", &exchanges, &facts) else { return };
    let methods = ["dns.managedZones.list", "dns.resourceRecordSets.list", "dns.changes.create"];
    agrees(&verdict, &[&methods[..], &["tokens", "replies"]].concat());

    let bitten = |tamper: fn(&mut Exchange)| judge("google", &tampered(&exchanges, tamper), &facts);
    let body = bitten(|one| replaced(&mut one.body, "\"ttl\"", "\"timeToLive\"")).expect("the oracle");
    assert!(body.faults_of("dns.changes.create", "timeToLive is not described") > 0, "{body:?}");
    let other = json!({"private_key": adapter.wrong_credential, "client_email": api::GOOGLE_EMAIL});
    let signed = judge("google", &exchanges, &other).expect("the oracle");
    assert_eq!(signed.faults_of("tokens", "signature"), verdict.held("tokens"), "{signed:?}");
}

#[tokio::test]
async fn microsofts_msal_asks_for_a_token_as_acmite_does() {
    let adapter = adapters::azure();
    let exchanges = heard(&adapter).await;
    let facts = json!({"secret": adapter.credential, "tenant_id": api::AZURE_TENANT, "client_id": api::AZURE_CLIENT});
    let Some(verdict) = judge("azure", &exchanges, &facts) else { return };
    agrees(&verdict, &["tokens"]);

    let wrong = tampered(&exchanges, |one| replaced(&mut one.body, "client_credentials", "client-credentials"));
    let wrong = judge("azure", &wrong, &facts).expect("the oracle");
    assert_eq!(wrong.faults_of("tokens", "client-credentials"), verdict.held("tokens"), "{wrong:?}");
}

#[tokio::test]
async fn inwxs_client_and_pyotp_know_requests_and_codes_as_acmite_sends_them() {
    let adapter = adapters::inwx_second_factor();
    values::two_values_share_one_name(&adapter).await;
    let exchanges = adapter.exchanges.all();
    let facts = json!({"shared_secret": api::INWX_SHARED_SECRET});
    let Some(verdict) = judge("inwx", &exchanges, &facts) else { return };
    let methods = ["account.login", "account.unlock", "nameserver.info", "nameserver.createRecord"];
    agrees(&verdict, &[&methods[..], &["nameserver.deleteRecord", "codes"]].concat());

    let late = judge("inwx", &tampered(&exchanges, |one| one.at += 3600), &facts).expect("the oracle");
    assert_eq!(late.faults_of("codes", "the code is"), 1, "{late:?}");
    let elsewhere = tampered(&exchanges, |one| replaced(&mut one.path, "jsonrpc", "xmlrpc"));
    let elsewhere = judge("inwx", &elsewhere, &facts).expect("the oracle");
    assert_eq!(elsewhere.faults_of("nameserver.info", "path"), verdict.held("nameserver.info"), "{elsewhere:?}");
}
