//! Whether CAA records let a CA issue: RFC 8659, with the parameters of RFC 8657.

use serde::Serialize;

use crate::dns::CaaRecord;

/// Who wants to issue what, how, and to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    /// The names that the CA has in such records; at least one.
    pub(super) identities: &'a [String],
    pub(super) wildcard: bool,
    /// The challenge, `dns-01`; `None` where it is not chosen yet.
    pub(super) method: Option<&'a str>,
    /// The account's URL, once there is one.
    pub(super) account: Option<&'a str>,
}

/// Why it may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Other CAs are named, or none.
    #[error("{}", named(.allowed, .wanted))]
    Issuer {
        /// Those that are.
        allowed: Vec<String>,
        /// The CA's own names.
        wanted: Vec<String>,
    },
    /// The CA is named, for other accounts.
    #[error("only the account {} may{}", .allowed.join(" or "), not_own(.own.as_ref()))]
    Account {
        /// Their URLs.
        allowed: Vec<String>,
        /// The one that would ask.
        own: Option<String>,
    },
    /// The CA is named, for other challenges.
    #[error("only {} may be used, not {wanted}", .allowed.join(" or "))]
    Method {
        /// Their names.
        allowed: Vec<String>,
        /// The one that would be used.
        wanted: String,
    },
    /// A property that must be understood and is not known.
    #[error("the property {tag:?} is critical, and no CA is known to understand it")]
    Critical {
        /// Its tag.
        tag: String,
    },
}

fn named(allowed: &[String], wanted: &[String]) -> String {
    let wanted = wanted.join(" or ");
    match allowed {
        [] => format!("no CA may issue; {wanted} would have to be named"),
        some => format!("only {} may issue, not {wanted}", some.join(", ")),
    }
}

fn not_own(account: Option<&String>) -> String {
    account.map_or_else(|| ", and there is none here yet".to_owned(), |url| format!(", not {url}"))
}

/// Looks at the set of records that counts.
pub(super) fn judge(records: &[CaaRecord], wish: &Wish<'_>) -> Result<(), Refusal> {
    if let Some(strange) = records.iter().find(|one| one.critical && !KNOWN.contains(&one.tag.as_str())) {
        return Err(Refusal::Critical { tag: strange.tag.clone() });
    }
    let of = |tag: &str| records.iter().filter(|one| one.tag == tag).map(|one| Issue::read(&one.value)).collect();
    let wild: Vec<Issue> = if wish.wildcard { of("issuewild") } else { Vec::new() };
    let issues: Vec<Issue> = if wild.is_empty() { of("issue") } else { wild };
    if issues.is_empty() {
        return Ok(());
    }
    let ours: Vec<&Issue> = issues.iter().filter(|one| one.is_for(wish.identities)).collect();
    if ours.is_empty() {
        let allowed = issues.into_iter().map(|one| one.domain).filter(|domain| !domain.is_empty()).collect();
        return Err(Refusal::Issuer { allowed, wanted: wish.identities.to_vec() });
    }
    let for_account: Vec<&Issue> = ours.iter().copied().filter(|one| one.takes_account(wish.account)).collect();
    if for_account.is_empty() {
        let allowed = ours.iter().filter_map(|one| one.parameter("accounturi")).map(str::to_owned).collect();
        return Err(Refusal::Account { allowed, own: wish.account.map(str::to_owned) });
    }
    match wish.method {
        Some(wanted) if !for_account.iter().any(|one| one.takes_method(wanted)) => {
            let methods = for_account.iter().filter_map(|one| one.parameter("validationmethods"));
            let allowed = methods.flat_map(|methods| methods.split(',')).map(|one| one.trim().to_owned()).collect();
            Err(Refusal::Method { allowed, wanted: wanted.to_owned() })
        }
        _ => Ok(()),
    }
}

/// <https://www.iana.org/assignments/pkix-parameters>, "CAA Properties", as of RFC 9495 and CA/B Forum's.
const KNOWN: [&str; 7] = ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"];

/// The value of `issue` and `issuewild`. RFC 8659 section 4.2.
#[derive(Debug)]
pub(super) struct Issue {
    /// Empty where nobody is allowed.
    domain: String,
    parameters: Vec<(String, String)>,
}

impl Issue {
    pub(super) fn read(value: &str) -> Self {
        let mut parts = value.split(';').map(str::trim);
        let domain = parts.next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let pairs = parts.filter_map(|part| part.split_once('='));
        let parameters = pairs.map(|(tag, value)| (tag.trim().to_ascii_lowercase(), value.trim().to_owned()));
        Self { domain, parameters: parameters.collect() }
    }

    fn is_for(&self, identities: &[String]) -> bool {
        identities.iter().any(|identity| identity.trim_end_matches('.').eq_ignore_ascii_case(&self.domain))
    }

    /// `tag` in small letters.
    pub(super) fn parameter(&self, tag: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == tag).map(|(_, value)| value.as_str())
    }

    /// RFC 8657 section 3.
    fn takes_account(&self, account: Option<&str>) -> bool {
        self.parameter("accounturi").is_none_or(|wanted| Some(wanted) == account)
    }

    /// RFC 8657 section 4.
    fn takes_method(&self, method: &str) -> bool {
        self.parameter("validationmethods").is_none_or(|all| all.split(',').any(|one| one.trim() == method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(records: &[&str], wildcard: bool) -> Result<(), Refusal> {
        let record = |text: &&str| {
            let mut words = text.splitn(3, ' ');
            let critical = words.next() == Some("128");
            let tag = words.next().expect("a tag").to_owned();
            CaaRecord { critical, tag, value: words.next().unwrap_or_default().to_owned() }
        };
        let identities = ["ca.example".to_owned(), "old-ca.example".to_owned()];
        let wish = Wish { identities: &identities, wildcard, method: Some("dns-01"), account: Some("https://ca/1") };
        judge(&records.iter().map(record).collect::<Vec<_>>(), &wish)
    }

    #[test]
    fn a_ca_that_is_named_may_and_another_may_not() {
        for allowed in ["0 issue CA.example.", "0 issue old-ca.example; a=b", "0 iodef mailto:a@b", "0 issuewild ;"] {
            assert_eq!(judged(&[allowed], false), Ok(()), "{allowed}");
        }
        assert!(judged(&["0 issue other.example", "0 issue ca.example"], false).is_ok());
        let refused = judged(&["0 issue other.example"], false).expect_err("refused");
        assert_eq!(refused.to_string(), "only other.example may issue, not ca.example or old-ca.example");
        assert!(judged(&["0 issue ;"], false).expect_err("refused").to_string().starts_with("no CA may issue"));
    }

    #[test]
    fn a_wildcard_has_its_own_records_where_there_are_any() {
        assert!(judged(&["0 issue ca.example", "0 issuewild ;"], true).is_err());
        assert!(judged(&["0 issue ;", "0 issuewild ca.example"], true).is_ok());
        assert!(judged(&["0 issue ca.example"], true).is_ok());
        assert!(judged(&["0 issue ;"], true).is_err());
    }

    #[test]
    fn account_and_challenge_may_be_bound() {
        let account = |url: &str| judged(&[&format!("0 issue ca.example; accounturi={url}")], false);
        assert!(account("https://ca/1").is_ok());
        assert!(matches!(account("https://ca/2"), Err(Refusal::Account { .. })));
        let methods = |methods: &str| judged(&[&format!("0 issue ca.example;validationmethods={methods}")], false);
        assert!(methods("http-01,dns-01").is_ok());
        assert!(matches!(methods("http-01"), Err(Refusal::Method { .. })));
    }

    #[test]
    fn what_is_critical_and_unknown_forbids() {
        assert!(matches!(judged(&["128 future x", "0 issue ca.example"], false), Err(Refusal::Critical { .. })));
        assert!(judged(&["0 future x", "128 issue ca.example"], false).is_ok());
    }
}
