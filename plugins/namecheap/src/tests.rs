//! What is asked of the API, against what it sends.

use acmite_sdk::testing::{Recording, context, txt};
use acmite_sdk::{Context, ErrorKind, Provider};

use crate::Namecheap;

const HOSTS: &str = include_str!("../fixtures/hosts.xml");
const SET: &str = include_str!("../fixtures/set.xml");
const NAME: &str = "_acme-challenge.www.example.co.uk";

const OURS: &str = "<host Name=\"_acme-challenge.www\" Type=\"TXT\" Address=\"ours\" MXPref=\"10\" TTL=\"60\" />";
const FORM: &str = "Command=namecheap.domains.dns.setHosts&ApiUser=me&UserName=me&ClientIp=192.0.2.9&SLD=example\
                    &TLD=co.uk&EmailType=MX&HostName1=%40&RecordType1=MX&Address1=mail.example.net.&MXPref1=20\
                    &TTL1=1800&HostName2=_acme-challenge&RecordType2=TXT&Address2=a%26b&MXPref2=10&TTL2=60";
const FORM_OF_OURS: &str = "&HostName3=_acme-challenge.www&RecordType3=TXT&Address3=ours&MXPref3=10&TTL3=60";

fn call() -> Context {
    context("example.co.uk", &[("api_user", "me"), ("client_ip", "192.0.2.9")])
}

fn get(recording: Recording, reply: &str) -> Recording {
    recording.reply("get", 200, reply).query("SLD", "example").query("TLD", "co.uk")
}

fn with_ours() -> String {
    HOSTS.replace("</DomainDNSGetHostsResult>", &format!("{OURS}</DomainDNSGetHostsResult>"))
}

fn present(script: Recording) -> Result<Vec<u8>, acmite_sdk::Error> {
    script.run(|| Namecheap::present(&call(), &[txt(NAME, "ours")])).result
}

#[test]
fn the_zone_is_written_with_all_it_had_and_read_again() {
    let set = get(Recording::new(), HOSTS).reply("set", 200, SET).body(&format!("{FORM}{FORM_OF_OURS}"));
    assert!(present(get(set, &with_ours())).expect("published").is_empty());
    assert!(present(get(Recording::new(), &with_ours())).is_ok(), "there already");
}

#[test]
fn a_zone_that_another_wrote_meanwhile_is_a_conflict() {
    for meanwhile in [HOSTS.to_owned(), with_ours().replace("mail.example.net.", "other.example.net.")] {
        let set = get(Recording::new(), HOSTS).reply("set", 200, SET).body(&format!("{FORM}{FORM_OF_OURS}"));
        assert_eq!(present(get(set, &meanwhile)).expect_err("an error").kind, ErrorKind::Conflict);
    }
}

#[test]
fn cleanup_gives_back_all_but_our_value() {
    let cleanup = |script: Recording| script.run(|| Namecheap::cleanup(&call(), &[txt(NAME, "ours")], &[])).result;
    let set = get(Recording::new(), &with_ours()).reply("set", 200, SET).body(FORM);
    cleanup(get(set, HOSTS)).expect("removed");
    cleanup(get(Recording::new(), HOSTS)).expect("removed already");
}

#[test]
fn an_error_with_status_200_is_told_by_its_number() {
    let error = include_str!("../fixtures/error.xml");
    for (number, kind) in [
        ("1011102", ErrorKind::Denied),
        ("1011150", ErrorKind::Forbidden),
        ("1017411", ErrorKind::RateLimited),
        ("2019166", ErrorKind::ZoneNotFound),
        ("5050900", ErrorKind::Upstream),
    ] {
        let told = present(get(Recording::new(), &error.replace("1011102", number))).expect_err("an error");
        assert_eq!((told.kind, told.code.as_str()), (kind, number));
        assert!(told.message.contains("has not been enabled"));
    }
}

#[test]
fn a_write_that_did_not_succeed_is_no_success() {
    let refused = SET.replace("IsSuccess=\"true\"", "IsSuccess=\"false\"");
    let set = get(Recording::new(), HOSTS).reply("set", 200, &refused).body(&format!("{FORM}{FORM_OF_OURS}"));
    assert_eq!(present(set).expect_err("an error").kind, ErrorKind::Upstream);
}

#[test]
fn check_reads_the_zone_if_there_is_one_and_sees_who_serves_it() {
    assert!(Recording::new().run(|| Namecheap::check(&context("", &[]))).result.is_ok());
    let check = |reply: &str| get(Recording::new(), reply).run(|| Namecheap::check(&call())).result;
    assert!(check(HOSTS).is_ok());
    let elsewhere = HOSTS.replace("IsUsingOurDNS=\"true\"", "IsUsingOurDNS=\"false\"");
    assert_eq!(check(&elsewhere).expect_err("an error").kind, ErrorKind::ZoneNotFound);
    assert_eq!(check("<html></html>").expect_err("an error").kind, ErrorKind::Upstream);
    let alone = check(HOSTS.replace("Address=\"a&amp;b\"", "").as_str());
    assert_eq!(alone.expect_err("an error").kind, ErrorKind::Upstream);
}
