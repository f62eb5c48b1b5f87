//! A CA that hands out another certificate than was ordered, lets wait for ever, or suggests moments that no clock has.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use acmite::acme::{AccountHandle, AccountKey, AccountKeyType, AcmeClient, AcmeError, AuthorizationError};
use acmite::acme::{HttpOptions, OrderOptions, Registration};
use acmite::name::CertName;
use acmite::pki::Leaf;
use acmite_lab::Lab;
use acmite_lab::ca::{Endpoint, Reply};
use acmite_tests::acmite::Acmite;
use acmite_tests::faults::{World, at_each};
use acmite_tests::hostile::ca::{WORDS, assert_harmless, edit, refuse, set_header};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SubjectPublicKeyInfo};
use serde_json::json;

/// What is wrong with a certificate, how it is made from the one that was ordered, and what acmite says of it.
type Wrong = (&'static str, fn(&str) -> Vec<u8>, &'static str);

/// A CA of its own with hostile words for a name, and a certificate below it for the key of `honest`.
fn forged(honest: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, WORDS);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = params.not_before + Duration::from_secs(200 * 365 * 86_400);
    change(&mut params);
    let leaf = Leaf::from_pem(honest).unwrap();
    let key = SubjectPublicKeyInfo::from_der(leaf.public_key_info()).unwrap();
    (params.signed_by(&key, &root).unwrap().pem(), root.pem())
}

const OWN: [&str; 2] = ["example.test", "*.example.test"];

fn whole(honest: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let (leaf, root) = forged(honest, names, change);
    format!("{leaf}{root}").into_bytes()
}

fn hand_out(world: &World, make: fn(&str) -> Vec<u8>) {
    world.lab.ca.rewrite_replies(move |at, reply| {
        if at == Endpoint::Certificate && reply.status == 200 {
            reply.body = make(std::str::from_utf8(&reply.body).unwrap());
        }
    });
}

const WRONG: [Wrong; 12] = [
    ("another name", |honest| whole(honest, &["victim.example"], |_| ()), "its names are not those ordered"),
    ("a name more", |honest| whole(honest, &[OWN[0], OWN[1], "x.example"], |_| ()), "its names are not those ordered"),
    ("a name less", |honest| whole(honest, &OWN[..1], |_| ()), "its names are not those ordered"),
    ("another key", |_| with_another_key(), "it is for another key"),
    (
        "expired",
        |honest| whole(honest, &OWN, |params| params.not_after = params.not_before + Duration::from_secs(1)),
        "it has expired already",
    ),
    (
        "of the next century",
        |honest| whole(honest, &OWN, |params| params.not_before = rcgen::date_time_ymd(2100, 1, 1)),
        "it is not valid yet",
    ),
    ("a chain of strangers", strangers, "its chain is not in order"),
    ("the chain without its leaf", |honest| second(honest), "it is for another key"),
    ("nothing", |_| Vec::new(), "the chain is empty"),
    ("text", |_| WORDS.as_bytes().to_vec(), "the chain is empty"),
    ("a block of nonsense", |_| block("AAAA"), "the CA sent a certificate that cannot be read"),
    ("two megabytes of blocks", |honest| honest.repeat(2 << 20 >> 10).into_bytes(), "more than 1024 KiB"),
];

fn with_another_key() -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = OWN.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap().self_signed(&key).unwrap().pem().into_bytes()
}

fn strangers(honest: &str) -> Vec<u8> {
    let ((leaf, _), (_, root)) = (
        forged(honest, &OWN, |_| ()),
        forged(honest, &OWN, |params| {
            params.distinguished_name.push(DnType::CommonName, "stranger");
        }),
    );
    let own = CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    format!("{leaf}{own}{root}").into_bytes()
}

fn second(honest: &str) -> Vec<u8> {
    let end = "-----END CERTIFICATE-----";
    honest.as_bytes()[honest.find(end).unwrap() + end.len()..].to_vec()
}

fn block(base64: &str) -> Vec<u8> {
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n").into_bytes()
}

#[test]
fn a_certificate_that_was_not_ordered_does_not_take_the_place_of_the_old_one() {
    at_each(&WRONG, |world, (what, make, said)| {
        let state = world.issued_state();
        let live = world.whole_pair(&state);
        hand_out(world, *make);
        let done = world.renew(&state).run();
        world.lab.ca.rewrite_replies(|_, _| ());
        assert!(!matches!(done.code, None | Some(0 | 101)), "{what}: {done}");
        assert!(format!("{}{}", done.stdout, done.stderr).contains(said), "{what} is not {said:?}: {done}");
        assert_harmless(&done, what);
        assert_eq!(world.whole_pair(&state), live, "{what}: {done}");
        world.assert_clean(&state);
        world.renew(&state).run().expect_code(0);
        world.assert_tidy(&state);
    });
}

#[test]
fn what_stands_around_a_certificate_or_in_its_issuers_name_is_not_kept_or_shown() {
    let world = World::start();
    let state = world.issued_state();
    hand_out(&world, |honest| {
        let (leaf, root) = forged(honest, &OWN, |_| ());
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        format!("{WORDS}\n{leaf}{WORDS}\n{key}{root}{WORDS}").into_bytes()
    });
    world.renew(&state).run().expect_code(0);
    assert!(world.whole_pair(&state).is_some());
    let live = state.join("live").join(OWN[0]);
    for file in ["cert.pem", "chain.pem", "fullchain.pem"] {
        let text = std::fs::read_to_string(live.join(file)).unwrap();
        let is_pem = |line: &str| {
            line.starts_with("-----") || line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
        };
        assert!(text.lines().all(is_pem), "{file}: {text:?}");
        assert!(!text.contains("PRIVATE"), "{file}: {text:?}");
    }
    for command in ["list", "show", "show --json", "verify"] {
        let run = Acmite::new(command, &state);
        let run = if command == "list" { run } else { run.args([OWN[0]]) };
        assert_harmless(&run.run(), command);
    }
}

/// In place of the usual suggestion.
fn suggest(
    start: &str,
    end: &str,
    retry_after: &'static [u8],
) -> impl Fn(Endpoint, &mut Reply) + Send + Sync + 'static {
    let window = json!({"start": start, "end": end});
    move |at, reply| {
        if at == Endpoint::RenewalInfo {
            edit(reply, |body| *body = json!({"suggestedWindow": window.clone(), "explanationURL": WORDS}));
            set_header(reply, "retry-after", retry_after);
        }
    }
}

#[test]
fn a_suggestion_of_moments_that_no_clock_has_harms_nothing() {
    const NONE: &[u8] = b"18446744073709551615";
    let windows: [(&str, &str, &'static [u8]); 6] = [
        ("9999-12-31T23:59:58-23:59", "9999-12-31T23:59:59-23:59", NONE),
        ("0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", b"Fri, 31 Dec 9999 23:59:59 GMT"),
        ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:01+23:59", b"-1"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", b""),
        ("1970-01-01T00:00:00Z\u{1b}[2J", "1970-01-01T00:00:00Z", NONE),
        ("2400-01-01T00:00:00Z", "2400-01-02T00:00:00Z", b"a\x9b2J"),
    ];
    at_each(&windows, |world, (start, end, retry_after)| {
        let state = world.issued_state();
        world.lab.ca.rewrite_replies(suggest(start, end, retry_after));
        for command in ["renew", "list", "show", "list --json"] {
            let run = Acmite::new(command, &state);
            let done = if command == "show" { run.args([OWN[0]]) } else { run }.run();
            assert!(!matches!(done.code, None | Some(101)), "{start} {command}: {done}");
            assert_harmless(&done, start);
        }
        assert!(world.whole_pair(&state).is_some());
        world.lab.ca.rewrite_replies(|_, _| ());
        world.renew(&state).run().expect_code(0);
    });
}

#[test]
fn another_chain_that_leads_astray_is_not_asked_for() {
    let links: [(&[u8], &str); 4] = [
        (b"<http://127.0.0.1:9/x>;rel=\"alternate\"", "plain http"),
        (b"<https://169.254.169.254/x>;rel=\"alternate\"", "an address of this machine"),
        (b"<file:///etc/passwd>;rel=\"alternate\"", "it is not https"),
        (b"<../x>;rel=\"alternate\"", "it is no URL"),
    ];
    at_each(&links, |world, (link, said)| {
        let state = world.fresh_state();
        let link = *link;
        world.lab.ca.rewrite_replies(move |at, reply| {
            if at == Endpoint::Certificate {
                reply.headers.remove("link");
                set_header(reply, "link", link);
            }
        });
        let done = world.issue(&state).args(["--preferred-chain", "none of these"]).run();
        assert!(!matches!(done.code, None | Some(0 | 101)), "{said}: {done}");
        assert!(done.stderr.contains(said), "{said}: {done}");
        assert!(world.whole_pair(&state).is_none());
        world.assert_clean(&state);
    });
}

#[test]
fn a_refusal_in_json_is_json_whatever_words_it_holds() {
    let world = World::start();
    let state = world.issued_state();
    world.lab.ca.rewrite_replies(|at, reply| {
        if at == Endpoint::Challenge {
            refuse(reply);
        }
    });
    let done = world.renew(&state).args(["--json"]).run();
    assert!(!done.events().is_empty(), "{done}");
    assert_harmless(&done, "--json");
}

/// An account at the lab's CA.
async fn account(lab: &Lab) -> AccountHandle {
    let options = HttpOptions { ca_bundle_pem: Some(lab.ca.tls_root_pem().into()), ..HttpOptions::default() };
    let client = AcmeClient::connect(&lab.ca.directory_url().parse().unwrap(), options).await.unwrap();
    let key = AccountKey::generate(AccountKeyType::P256).unwrap();
    let registered = client.register(&key, Registration { agree_tos: true, ..Registration::default() }).await.unwrap();
    client.with_account(Arc::new(key), registered.url)
}

/// Says of every order and authorization that it is not decided, and to ask again in a year or never.
fn undecided(lab: &Lab, status: &'static str, retry_after: &'static [u8]) {
    lab.ca.rewrite_replies(move |at, reply| {
        if matches!(at, Endpoint::Order | Endpoint::Authorization) {
            edit(reply, |body| body["status"] = json!(status));
            set_header(reply, "retry-after", retry_after);
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_never_decides_is_waited_for_up_to_the_deadline() {
    let lab = Lab::builder().zone("example.test").start().await.unwrap();
    let account = account(&lab).await;
    let names = [CertName::parse("example.test").unwrap()];
    let order = account.new_order(&names, OrderOptions::default()).await.unwrap();
    let authorization = account.authorization(&order.authorizations[0]).await.unwrap();
    for retry_after in [b"0".as_slice(), b"31536000", b"18446744073709551615", b"Fri, 31 Dec 9999 23:59:59 GMT"] {
        let deadline = || tokio::time::Instant::now() + Duration::from_secs(1);
        undecided(&lab, "processing", retry_after);
        let finalized = account.finalize(&order, b"", deadline());
        let finalized = tokio::time::timeout(PATIENCE, finalized).await.expect("it ends");
        assert!(matches!(finalized, Err(AcmeError::Deadline { .. })), "{finalized:?}");
        undecided(&lab, "pending", retry_after);
        let decided = account.await_authorization(&authorization, deadline());
        let decided = tokio::time::timeout(PATIENCE, decided).await.expect("it ends");
        assert!(matches!(decided, Err(AuthorizationError::Undecided { .. })), "{decided:?}");
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_asks_to_wait_beyond_all_clocks_is_not_waited_for() {
    let lab = Lab::builder().zone("example.test").start().await.unwrap();
    let account = account(&lab).await;
    lab.ca.rewrite_replies(|_, reply| {
        reply.status = 503;
        set_header(reply, "retry-after", b"18446744073709551615");
    });
    let names = [CertName::parse("example.test").unwrap()];
    let ordered = account.new_order(&names, OrderOptions::default());
    let ordered = tokio::time::timeout(PATIENCE, ordered).await.expect("it ends");
    assert!(matches!(ordered, Err(AcmeError::Refused { status: 503, .. })), "{ordered:?}");
}
