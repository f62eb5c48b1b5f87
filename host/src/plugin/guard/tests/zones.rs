//! Providers that write the whole zone.

use super::kit::{ask_for, call, only_reads_may_check};
use super::*;

const NAMECHEAP: &str = include_str!("../../../../../plugins/namecheap/plugin.toml");

const HOSTS: &str = r#"
    <host HostId="1" Name="@" Type="A" Address="192.0.2.1" MXPref="10" TTL="1800" IsActive="true" />
    <host HostId="2" Name="@" Type="MX" Address="mail.example.net." MXPref="10" TTL="86400" />
    <host HostId="3" Name="@" Type="MX" Address="mail.example.net." MXPref="20" TTL="86400" />
    <host HostId="4" Name="_acme-challenge" Type="TXT" Address="foreign" MXPref="10" TTL="60" />"#;
const OUR_HOST: &str = r#"<host HostId="5" Name="_acme-challenge" Type="TXT" Address="ours" MXPref="10" TTL="60" />"#;

fn reply(hosts: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <ApiResponse Status=\"OK\" xmlns=\"http://api.namecheap.com/xml.response\">\n  <Errors />\n\
         <CommandResponse Type=\"namecheap.domains.dns.getHosts\">\
         <DomainDNSGetHostsResult Domain=\"example.com\" EmailType=\"MX\" IsUsingOurDNS=\"true\">{hosts}\n\
         </DomainDNSGetHostsResult></CommandResponse></ApiResponse>"
    )
}

fn get() -> GuestRequest {
    ask_for("get").query("SLD", "example").query("TLD", "com")
}

fn namecheap(phase: Phase) -> Guard {
    let mut guard = call(NAMECHEAP, phase);
    let ours = if phase == Phase::Cleanup { OUR_HOST } else { "" };
    guard.sent(&get(), 200, &reply(&format!("{HOSTS}{ours}")));
    guard
}

const FOREIGN_HOSTS: [(&str, &str, &str, &str, &str); 4] = [
    ("%40", "A", "192.0.2.1", "10", "1800"),
    ("%40", "MX", "mail.example.net.", "10", "86400"),
    ("%40", "MX", "mail.example.net.", "20", "86400"),
    ("_acme-challenge", "TXT", "foreign", "10", "60"),
];
const OURS: (&str, &str, &str, &str, &str) = ("_acme-challenge", "TXT", "ours", "10", "60");

fn set(hosts: &[(&str, &str, &str, &str, &str)]) -> GuestRequest {
    let mut body = "Command=namecheap.domains.dns.setHosts&ApiUser=set&UserName=set&ClientIp=set&SLD=example&TLD=com\
                    &EmailType=MX"
        .to_owned();
    for (number, (name, kind, address, preference, ttl)) in hosts.iter().enumerate() {
        let n = number + 1;
        body += &format!(
            "&HostName{n}={name}&RecordType{n}={kind}&Address{n}={address}&MXPref{n}={preference}&TTL{n}={ttl}"
        );
    }
    ask_for("set").body(&body)
}

fn with_ours() -> GuestRequest {
    set(&[&FOREIGN_HOSTS[..], &[OURS]].concat())
}

#[test]
fn namecheap_writes_the_zone_with_all_it_had() {
    let guard = namecheap(Phase::Present);
    let good = with_ours();
    assert_eq!(guard.says(&good), "admitted");
    guard.refuses(&[
        (set(&[&FOREIGN_HOSTS[1..], &[OURS]].concat()), "not TXT"),
        (set(&[&FOREIGN_HOSTS[..2], &[FOREIGN_HOSTS[1], FOREIGN_HOSTS[3], OURS]].concat()), "not TXT"),
        (set(&[&FOREIGN_HOSTS[..3], &[OURS]].concat()), "removes a value"),
        (good.with("Address4=foreign", "Address4=other"), "not one of this call"),
        (good.with("Address5=ours", "Address5=theirs"), "not one of this call"),
        (good.with("HostName5=_acme-challenge", "HostName5=www"), "not one of this call"),
        (good.with("HostName5=_acme-challenge", "HostName5=_acme-challenge.example.com"), "not one of this call"),
        (good.with("RecordType5=TXT", "RecordType5=CNAME"), "not TXT"),
        (good.with("MXPref1=10", "MXPref1=5"), "attribute"),
        (good.with("TTL2=86400", "TTL2=60"), "attribute"),
        (good.with("TTL5=60", "TTL5=86400"), "the TTL"),
        (good.with("TTL5=60", "TTL5=soon"), "the TTL"),
        (good.with("EmailType=MX", "EmailType=FWD"), "not as endpoint get showed"),
        (good.with("&EmailType=MX", ""), "not as endpoint get showed"),
        (good.with("SLD=example", "SLD=other"), "not shown"),
        (good.with("Command=namecheap.domains.dns.setHosts", "Command=namecheap.domains.create"), "manifest fixes"),
        (good.with("ClientIp=set&", ""), "manifest fixes"),
        (set(&[]), "nothing at the places of its effects"),
    ]);
    only_reads_may_check(namecheap, &good);
}

#[test]
fn namecheaps_numbers_leave_nothing_out() {
    let guard = namecheap(Phase::Present);
    let good = with_ours();
    guard.refuses(&[
        (good.with("HostName2=", "HostName7="), "do not count up"),
        (good.with("HostName1=", "HostName01="), "not listed"),
        (good.with("&TTL5=60", "&TTL5=60&TTL9=60"), "belongs to no record"),
        (good.with("Address5=", "address5="), "not listed"),
        (good.with("&TTL5=60", "&TTL5=60&Address5=theirs"), "stands twice"),
        (good.with("&TTL5=60", "&TTL5=60&Flag=1"), "not listed"),
        (good.with("&TTL5=60", "&TTL5=60&ApiKey=x"), "filled by the host"),
        (good.with("&Address5=ours", ""), "value of a change is missing"),
    ]);
}

#[test]
fn namecheap_must_have_read_the_zone_it_writes() {
    let alone = set(&[OURS]);
    let mut guard = call(NAMECHEAP, Phase::Present);
    guard.refuses(&[(alone.clone(), "which has not shown it")]);
    let error = "<ApiResponse Status=\"ERROR\"><Errors><Error Number=\"1011102\">API key is invalid</Error></Errors>\
                 <CommandResponse/></ApiResponse>";
    guard.sent(&get(), 200, error);
    guard.refuses(&[(alone.clone(), "which has not shown it")]);
    guard.sent(&get(), 200, &reply(""));
    assert_eq!(guard.says(&alone), "admitted");
    guard.refuses(&[(get().query("Command", "namecheap.users.getBalances"), "another value")]);
}

#[test]
fn namecheap_cleans_up_our_value_alone() {
    let guard = namecheap(Phase::Cleanup);
    assert_eq!(guard.says(&set(&FOREIGN_HOSTS)), "admitted");
    guard.refuses(&[
        (set(&FOREIGN_HOSTS[..3]), "not one of this call"),
        (with_ours().with("Address5=ours", "Address5=new"), "cleanup may not"),
    ]);
    let mut second = namecheap(Phase::Present);
    second.sent(&with_ours(), 200, "<ApiResponse/>");
    second.refuses(&[(set(&FOREIGN_HOSTS), "removes a value")]);
}

#[test]
fn two_writes_of_the_zone_in_one_batch_are_refused() {
    let guard = namecheap(Phase::Present);
    assert!(matches!(guard.admit_all(&[with_ours(), with_ours()]), Err((1, _))));
}
