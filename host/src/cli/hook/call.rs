//! What another client asks of its hook, in its own way of asking.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;

use crate::flow::AwaitFor;
use crate::name::DnsName;
use crate::store::journal::AskedRecord;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Publish these, and wait.
    Publish(Vec<AskedRecord>, AwaitFor),
    /// Withdraw what was published for these values.
    Withdraw(Vec<String>),
    /// Something that is none of a DNS hook's business.
    Nothing,
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Call {
    /// By its arguments; without any, by certbot's variables.
    pub(super) fn parse(words: &[String], variable: Variables<'_>) -> Result<Self, CallError> {
        let Some((operation, rest)) = words.split_first() else { return certbot(variable) };
        match operation.as_str() {
            "present" => Ok(Self::Publish(vec![lego(rest)?], AwaitFor::Also(Vec::new()))),
            "cleanup" => Ok(Self::Withdraw(vec![lego(rest)?.value])),
            "deploy_challenge" => Ok(publish_all(dehydrated(rest)?)),
            "clean_challenge" => Ok(withdraw_all(dehydrated(rest)?)),
            // dehydrated asks hooks to succeed at what they do not know.
            _ => Ok(Self::Nothing),
        }
    }
}

fn publish_all(records: Vec<AskedRecord>) -> Call {
    if records.is_empty() { Call::Nothing } else { Call::Publish(records, AwaitFor::Also(Vec::new())) }
}

fn withdraw_all(records: Vec<AskedRecord>) -> Call {
    if records.is_empty() {
        return Call::Nothing;
    }
    Call::Withdraw(records.into_iter().map(|record| record.value).collect())
}

/// The last call of a run waits for all of it. That it is a cleanup is told from our own output, which certbot hands
/// back in CERTBOT_AUTH_OUTPUT: the variable is also there, with an older value, when certbot renews a second
/// certificate (certbot 2.1.0, `_internal/plugins/manual.py`).
fn certbot(variable: Variables<'_>) -> Result<Call, CallError> {
    let needed = |name| variable(name).ok_or(CallError::NoCall);
    let (domain, value) = (needed("CERTBOT_DOMAIN")?, needed("CERTBOT_VALIDATION")?);
    if variable("CERTBOT_TOKEN").is_some_and(|token| !token.is_empty()) {
        return Err(CallError::NotDns01);
    }
    if variable("CERTBOT_AUTH_OUTPUT").is_some_and(|output| output.contains(&value)) {
        return Ok(Call::Withdraw(vec![value]));
    }
    let all = variable("CERTBOT_ALL_DOMAINS").unwrap_or_default();
    let is_last = variable("CERTBOT_REMAINING_CHALLENGES").is_none_or(|count| count == "0");
    let wait = if is_last {
        AwaitFor::Also(all.split(',').filter_map(|name| base(name).ok()).collect())
    } else {
        AwaitFor::Nothing
    };
    Ok(Call::Publish(vec![challenge(&domain, value)?], wait))
}

/// `FQDN VALUE`, or with EXEC_MODE=RAW `-- DOMAIN TOKEN KEY-AUTHORIZATION`; older versions have `--` after the domain.
fn lego(words: &[String]) -> Result<AskedRecord, CallError> {
    let is_raw = words.iter().take(2).any(|word| word == "--");
    let given: Vec<&String> = words.iter().filter(|word| *word != "--").collect();
    match given.as_slice() {
        [domain, _token, key_authorization, ..] if is_raw => {
            let value = BASE64URL_NOPAD.encode(digest(&SHA256, key_authorization.as_bytes()).as_ref());
            challenge(domain, value)
        }
        [place, value, ..] if !is_raw => at(place, value),
        _ => Err(CallError::Lego),
    }
}

/// `DOMAIN TOKEN VALUE`, several times where HOOK_CHAIN is on. For http-01, where the value is a key authorization, there
/// is nothing to do.
fn dehydrated(words: &[String]) -> Result<Vec<AskedRecord>, CallError> {
    let triples = words.chunks_exact(3);
    if words.is_empty() || !triples.remainder().is_empty() {
        return Err(CallError::Dehydrated);
    }
    let for_dns = triples.filter(|triple| !triple[2].contains('.'));
    for_dns
        .map(
            |triple| {
                if is_dns01(&triple[2]) { challenge(&triple[0], triple[2].clone()) } else { Err(CallError::NotDns01) }
            },
        )
        .collect()
}

/// RFC 8555 section 8.4: base64url of a SHA-256 digest.
fn is_dns01(value: &str) -> bool {
    BASE64URL_NOPAD.decode(value.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}

fn challenge(domain: &str, value: String) -> Result<AskedRecord, CallError> {
    Ok(AskedRecord { name: base(domain)?, label: "_acme-challenge".to_owned(), value })
}

fn base(domain: &str) -> Result<DnsName, CallError> {
    let plain = domain.strip_prefix("*.").unwrap_or(domain);
    DnsName::parse(plain).map_err(|_| CallError::Name { name: domain.to_owned() })
}

/// The whole name of the record is given, perhaps after a CNAME.
fn at(place: &str, value: &str) -> Result<AskedRecord, CallError> {
    let wrong = || CallError::Name { name: place.to_owned() };
    let (label, name) = place.split_once('.').ok_or_else(wrong)?;
    let name = DnsName::parse(name).map_err(|_| wrong())?;
    Ok(AskedRecord { name, label: label.to_owned(), value: value.to_owned() })
}

/// Why a call is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// Nothing calls.
    #[error(
        "nothing is asked for: certbot sets CERTBOT_DOMAIN and CERTBOT_VALIDATION, other clients give arguments; see `acmite hook --help`"
    )]
    NoCall,
    /// The client proves names otherwise.
    #[error("acmite publishes for DNS-01 alone; choose that challenge in the other client")]
    NotDns01,
    /// Arguments that lego does not give.
    #[error(
        "lego's hook is called with the record's name and value, or in RAW mode with --, domain, token and key authorization"
    )]
    Lego,
    /// Arguments that dehydrated does not give.
    #[error("dehydrated's hook is called with domain, token and value, once or several times")]
    Dehydrated,
    /// What should be a name is none.
    #[error("{name:?} is no name in DNS")]
    Name {
        /// As it was given.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "-Zz9p0Wj1QmZ9wqYkD0c8oX2m3n4b5v6c7x8z9a0s1Q";

    fn parse(line: &str, variables: &[(&str, &str)]) -> Result<Call, CallError> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Call::parse(&words, &find)
    }

    fn record(label: &str, name: &str, value: &str) -> AskedRecord {
        AskedRecord { name: name.parse().expect("a name"), label: label.to_owned(), value: value.to_owned() }
    }

    fn published(line: &str) -> Vec<AskedRecord> {
        match parse(line, &[]) {
            Ok(Call::Publish(records, AwaitFor::Also(names))) if names.is_empty() => records,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn legos_record_may_stand_anywhere_and_a_raw_one_is_digested() {
        let line = format!("present _acme-challenge.a.example. {VALUE}");
        assert_eq!(published(&line), [record("_acme-challenge", "a.example", VALUE)]);
        assert_eq!(published("present x.acme.example v 120"), [record("x", "acme.example", "v")]);
        // printf %s t.k | openssl dgst -sha256 -binary | basenc --base64url
        let digest = "dlB0GFFBjq1DwqiLNYRbUrjZLT6IqLn_wqx7amut1k0";
        for line in ["present -- a.example -tok t.k", "present a.example. -- -tok t.k"] {
            assert_eq!(published(line), [record("_acme-challenge", "a.example", digest)]);
        }
        assert_eq!(parse("cleanup x.acme.example v", &[]), Ok(Call::Withdraw(vec!["v".to_owned()])));
        assert_eq!(parse("present a.example", &[]), Err(CallError::Lego));
    }

    #[test]
    fn dehydrateds_triples_are_one_call_and_what_is_not_dns_is_left_to_it() {
        let line = format!("deploy_challenge a.example -t {VALUE} *.b.example t {VALUE} c.example t a.b");
        let expected = ["a.example", "b.example"].map(|name| record("_acme-challenge", name, VALUE));
        assert_eq!(published(&line), expected);
        assert_eq!(parse(&line.replace("deploy", "clean"), &[]), Ok(Call::Withdraw(vec![VALUE.to_owned(); 2])));
        assert_eq!(parse("deploy_challenge c.example t a.b", &[]), Ok(Call::Nothing));
        assert_eq!(parse("deploy_challenge a.example t 00:11", &[]), Err(CallError::NotDns01));
        assert_eq!(parse("deploy_challenge a.example t", &[]), Err(CallError::Dehydrated));
        for other in ["startup_hook", "deploy_cert a b c d e", "this_hookscript_is_broken"] {
            assert_eq!(parse(other, &[]), Ok(Call::Nothing));
        }
    }

    #[test]
    fn certbots_last_call_waits_for_all_and_a_stale_output_is_no_cleanup() {
        let mut variables = vec![
            ("CERTBOT_DOMAIN", "a.example"),
            ("CERTBOT_VALIDATION", VALUE),
            ("CERTBOT_ALL_DOMAINS", "a.example,b.example"),
            ("CERTBOT_REMAINING_CHALLENGES", "1"),
        ];
        let records = vec![record("_acme-challenge", "a.example", VALUE)];
        assert_eq!(parse("", &variables), Ok(Call::Publish(records.clone(), AwaitFor::Nothing)));
        variables[3].1 = "0";
        variables.push(("CERTBOT_AUTH_OUTPUT", "acmite publishes another"));
        let names = ["a.example", "b.example"].map(|name| name.parse().expect("a name")).to_vec();
        assert_eq!(parse("", &variables), Ok(Call::Publish(records, AwaitFor::Also(names))));
        let output = format!("acmite publishes {VALUE}");
        variables[4].1 = &output;
        assert_eq!(parse("", &variables), Ok(Call::Withdraw(vec![VALUE.to_owned()])));
        variables.push(("CERTBOT_TOKEN", "t"));
        assert_eq!(parse("", &variables), Err(CallError::NotDns01));
        assert_eq!(parse("", &[]), Err(CallError::NoCall));
    }
}
