//! Records that stay and prove names at every renewal (dns-persist-01): whether they are there, and for this account.

use time::OffsetDateTime;

use super::caa::Issue;
use super::condition::Condition;
use super::records::place;
use crate::dns::{Dns, Sight};
use crate::name::DnsName;

/// What a record must let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need<'a> {
    /// The account's URL, once there is one.
    pub(super) account: Option<&'a str>,
    pub(super) wildcard: bool,
    pub(super) now: OffsetDateTime,
}

/// Looks for the record at every authoritative server.
pub(super) async fn check(dns: &Dns, base: &DnsName, need: &Need<'_>) -> Option<Condition> {
    let target = match place(dns, LABEL, base).await {
        Ok(target) => target,
        Err(condition) => return Some(condition),
    };
    let sights = dns.sights(&target.zone, &target.name).await;
    let lacks = |sight: &&Sight| sight.values().is_some_and(|values| !values.iter().any(|value| fits(value, need)));
    let lacking: Vec<_> = sights.iter().filter(lacks).map(|sight| sight.server.clone()).collect();
    let account = need.account.map(str::to_owned);
    (!lacking.is_empty()).then_some(Condition::LastingRecordMissing { name: target.name, lacking, account })
}

const LABEL: &str = "_validation-persist";

/// Whether a value is for the account, and for wildcards and this time where that is needed.
fn fits(value: &str, need: &Need<'_>) -> bool {
    let issue = Issue::read(value);
    let is_ours = need.account.is_some() && issue.parameter("accounturi") == need.account;
    let is_wide = !need.wildcard || issue.parameter("policy") == Some("wildcard");
    let until = issue.parameter("persistuntil").map(|text| text.parse().unwrap_or(i64::MIN));
    is_ours && is_wide && until.is_none_or(|until| until > need.now.unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_for_an_account_and_may_be_narrow_or_over() {
        let now = OffsetDateTime::from_unix_timestamp(1000).expect("a time");
        let need = Need { account: Some("https://ca/1"), wildcard: false, now };
        let wide = Need { wildcard: true, ..need };
        assert!(fits("ca.test; accounturi=https://ca/1", &need));
        assert!(fits("ca.test; accounturi=https://ca/1; policy=wildcard; persistUntil=1001", &wide));
        for value in ["ca.test; accounturi=https://ca/2; policy=wildcard", "ca.test; policy=wildcard", "text"] {
            assert!(!fits(value, &need), "{value}");
        }
        assert!(!fits("ca.test; accounturi=https://ca/1; persistUntil=1000", &need));
        assert!(!fits("ca.test; accounturi=https://ca/1", &wide));
        assert!(!fits("ca.test", &Need { account: None, ..need }));
    }
}
