//! What the doctor finds in DNS, at the CA, at the provider and on ports: each cause staged, and a healthy system.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use acmite_lab::api::Fault;
use acmite_lab::ca::CaOptions;
use acmite_lab::dns::{Behaviour, Dns as Servers, Mood, TsigAlgorithm, TsigKey};
use acmite_tests::acmite::{Acmite, NOBODY};
use acmite_tests::bind::{bind_distrusting, bind_resolver};
use acmite_tests::netns::{Machine, inside};
use acmite_tests::ward::{Diagnosis, VALUES, Ward, ended};
use hickory_proto::rr::RecordType;
use serde_json::json;

const NAME: &str = "www.example.test";
const CHALLENGE: &str = "_acme-challenge.www.example.test";

fn mood(mood: Mood) -> Behaviour {
    Behaviour { mood, ..Behaviour::default() }
}

/// Shows nothing that comes from now on.
fn frozen() -> Behaviour {
    Behaviour { frozen_at: Some(Instant::now()), ..Behaviour::default() }
}

fn identified() -> CaOptions {
    CaOptions { caa_identities: vec!["ca.test".to_owned()], ..CaOptions::default() }
}

#[tokio::test]
async fn a_name_before_its_first_certificate_is_healthy() {
    let mut ward = Ward::with_ca(identified()).await;
    let resolver = ward.resolver_apart("127.0.0.9").await;
    assert_eq!(ward.doctor(NAME, &[]).await.codes(), [""; 0]);
    assert_eq!(ward.doctor("*.example.test", &[]).await.codes(), [""; 0]);
    let seeded: Vec<_> = resolver.queries().into_iter().filter(|one| one.name.starts_with("_acme")).collect();
    assert!(!resolver.queries().is_empty() && seeded.is_empty(), "{seeded:?}");
}

#[tokio::test]
async fn servers_that_do_not_show_what_others_show_are_named_with_their_serials() {
    let ward = Ward::new().await;
    ward.add("example.test", RecordType::SOA, "ns1 hostmaster 7 1800 600 86400 60");
    ward.lab.dns.set_behaviour(1, frozen());
    ward.add(CHALLENGE, RecordType::TXT, VALUES[0]);
    let found = ward.doctor(NAME, &[]).await;
    let facts = found.facts("not-propagated");
    assert_eq!((&facts["name"], &facts["wait_seconds"]), (&json!(CHALLENGE), &json!(1800)));
    let lacking = facts["lacking"].as_array().expect("servers");
    assert_eq!(lacking.len(), 1);
    assert_eq!(lacking[0]["server"]["address"], json!(ward.lab.dns.addresses()[1]));
    assert_eq!(lacking[0]["values"], json!([VALUES[0]]));
    let [own, newest] = [&lacking[0]["behind"][0], &lacking[0]["behind"][1]].map(|serial| serial.as_u64());
    assert_eq!(newest, own.map(|own| own + 1));
}

#[tokio::test]
async fn a_resolver_that_kept_a_no_is_named_with_the_time_to_wait_from_the_soa() {
    let mut ward = Ward::new().await;
    // The lesser of the SOA's own TTL, 60, and its minimum counts (RFC 2308 section 5).
    ward.add("example.test", RecordType::SOA, "ns1 hostmaster 7 1800 600 86400 45");
    let resolver = ward.resolver_apart("127.0.0.9").await;
    resolver.set_behaviour(0, frozen());
    ward.add(CHALLENGE, RecordType::TXT, VALUES[0]);
    let found = ward.doctor(NAME, &[]).await;
    let facts = found.facts("cached-negatively");
    let expected = json!({"name": CHALLENGE, "resolver": resolver.resolver_addr().to_string(), "wait_seconds": 45});
    assert_eq!(*facts, expected);
}

#[tokio::test]
async fn a_resolver_that_kept_older_values_is_named_with_them() {
    let mut ward = Ward::new().await;
    let resolver = ward.resolver_apart("127.0.0.9").await;
    ward.add(CHALLENGE, RecordType::TXT, VALUES[0]);
    resolver.set_behaviour(0, frozen());
    ward.add(CHALLENGE, RecordType::TXT, VALUES[1]);
    let found = ward.doctor(NAME, &[]).await;
    let facts = found.facts("cached-old");
    assert_eq!((&facts["values"], &facts["wait_seconds"]), (&json!([VALUES[0]]), &json!(60)));
}

#[tokio::test]
async fn values_of_nobody_known_are_stale() {
    let ward = Ward::new().await;
    ward.add(CHALLENGE, RecordType::TXT, VALUES[0]);
    ward.add(CHALLENGE, RecordType::TXT, "no challenge's value");
    let found = ward.doctor(NAME, &[]).await;
    assert_eq!(*found.only("stale-value"), json!({"name": CHALLENGE, "values": [VALUES[0]]}));
}

#[tokio::test]
async fn records_made_by_hand_with_a_mistake_are_told_with_it() {
    let quoted = format!("\"{}\"", VALUES[0]);
    let authorization = format!("token.{}", VALUES[0]);
    let twice = format!("{CHALLENGE}.example.test");
    for (owner, value, mistake) in [
        (CHALLENGE, quoted.as_str(), "quoted"),
        (CHALLENGE, &authorization, "key-authorization"),
        (&twice, VALUES[0], "zone-twice"),
    ] {
        let ward = Ward::new().await;
        ward.add(owner, RecordType::TXT, value);
        let found = ward.doctor(NAME, &[]).await;
        assert_eq!(*found.only("wrong-record"), json!({"name": owner, "value": value, "mistake": mistake}));
    }
}

#[tokio::test]
async fn a_cname_in_a_circle_leads_astray() {
    let ward = Ward::new().await;
    ward.add(CHALLENGE, RecordType::CNAME, "a.example.test.");
    ward.add("a.example.test", RecordType::CNAME, &format!("{CHALLENGE}."));
    let found = ward.doctor(NAME, &[]).await;
    assert_eq!(found.only("cname-astray")["chain"][0], NAME);
}

/// With two zones, of which the Cloudflare token sees one.
async fn cloudflare() -> (Ward, [String; 3]) {
    let ward = Ward::with(|builder| builder.zone("other.test").cloudflare_zones(&["example.test"])).await;
    let token = format!("api_token = \"{}\"\n", ward.lab.cloudflare_token());
    let path = ward.scene.private_file("cloudflare.toml", &token);
    let mock = format!("cloudflare.api={}", ward.lab.cloudflare.base_url());
    (ward, [path.display().to_string(), mock, token])
}

async fn by_cloudflare(ward: &Ward, name: &str, [path, mock, _]: &[String; 3]) -> Diagnosis {
    let run = Acmite::new("doctor --json", &ward.scene.state()).args(ward.peers()).env("ACMITE_LAB_ORIGINS", mock);
    Diagnosis::of(ended(run.args([name, "--dns-plugin", "cloudflare", "--credentials", path])).await)
}

#[tokio::test]
async fn a_zone_that_the_account_does_not_hold_is_the_wrong_one_and_a_cname_into_it_leads_astray() {
    let (ward, credentials) = cloudflare().await;
    assert_eq!(by_cloudflare(&ward, NAME, &credentials).await.codes(), [""; 0]);
    let wrong = by_cloudflare(&ward, "www.other.test", &credentials).await;
    let facts = wrong.only("wrong-zone");
    assert_eq!((&facts["zone"], &facts["plugin"]), (&json!("other.test"), &json!("cloudflare")));
    ward.add(CHALLENGE, RecordType::CNAME, "proofs.other.test.");
    let astray = by_cloudflare(&ward, NAME, &credentials).await;
    assert_eq!(astray.only("cname-astray")["chain"], json!([CHALLENGE, "proofs.other.test"]));
}

#[tokio::test]
async fn a_credential_that_is_refused_is_told_from_one_that_lacks_rights() {
    let ward = Ward::new().await;
    ward.lab.powerdns.fail_next(1, &Fault::Status { status: 403, retry_after: None });
    let lacking = ward.doctor(NAME, &[]).await;
    assert_eq!(lacking.only("credential-lacks-rights")["zone"], "example.test");
    ward.scene.change_credentials("api_key = \"", "api_key = \"x");
    let refused = ward.doctor(NAME, &[]).await;
    let facts = refused.only("credential-refused");
    assert_eq!((&facts["zone"], &facts["plugin"]), (&json!("example.test"), &json!("powerdns")));
}

#[tokio::test]
async fn credentials_that_are_open_to_others_or_missing_are_found() {
    let ward = Ward::new().await;
    ward.scene.set_credentials_mode(0o644);
    let open = ward.doctor(NAME, &[]).await;
    assert!(open.only("credentials-unprotected")["why"].as_str().is_some_and(|why| why.contains("chmod 600")));
    ward.scene.set_credentials_mode(0o600);
    ward.scene.change_credentials("api_key", "apikey");
    assert_eq!(ward.doctor(NAME, &[]).await.only("credentials-unusable")["plugin"], "powerdns");
}

#[tokio::test]
async fn providers_that_cannot_be_had_or_asked_are_told_apart() {
    let ward = Ward::new().await;
    let missing = ward.doctor_without_provider(NAME, &["--dns-plugin", "nosuch"]).await;
    assert_eq!(*missing.only("plugin-missing"), json!({"plugin": "nosuch"}));
    let elsewhere = ward.doctor_without_provider(NAME, &["--dns-plugin", "other.test=powerdns"]).await;
    assert_eq!(*elsewhere.only("provider-not-named"), json!({"zone": "example.test"}));
    let broken = ward.scene.private_file("broken.wasm", "no component").display().to_string();
    let unusable = ward.doctor_without_provider(NAME, &["--dns-plugin", &broken]).await;
    assert_eq!(unusable.only("plugin-unusable")["plugin"], json!(broken));
    let url = ward.lab.powerdns.base_url();
    ward.scene.change_credentials(&url, "http://127.0.0.1:9");
    assert_eq!(ward.doctor(NAME, &[]).await.only("provider-failing")["zone"], "example.test");
}

#[tokio::test]
async fn caa_records_are_climbed_to_and_judged_with_their_parameters() {
    for (owner, value, name, refusal) in [
        (
            "example.test",
            "0 issue \"other.test\"",
            NAME,
            json!({"issuer": {"allowed": ["other.test"], "wanted": ["ca.test"]}}),
        ),
        (
            "example.test",
            "0 issuewild \";\"",
            "*.www.example.test",
            json!({"issuer": {"allowed": [], "wanted": ["ca.test"]}}),
        ),
        (
            NAME,
            "0 issue \"ca.test; accounturi=https://ca.test/1\"",
            NAME,
            json!({"account": {"allowed": ["https://ca.test/1"], "own": null}}),
        ),
        (
            NAME,
            "0 issue \"ca.test; validationmethods=http-01\"",
            NAME,
            json!({"method": {"allowed": ["http-01"], "wanted": "dns-01"}}),
        ),
        (NAME, "128 future \"x\"", NAME, json!({"critical": {"tag": "future"}})),
    ] {
        let ward = Ward::with_ca(identified()).await;
        // Nearer records for others do not count.
        ward.add("b.www.example.test", RecordType::CAA, "0 issue \"ca.test\"");
        ward.add(owner, RecordType::CAA, value);
        let found = ward.doctor(name, &[]).await;
        let facts = found.only("caa-forbids");
        assert_eq!((&facts["name"], &facts["at"], &facts["refusal"]), (&json!(name), &json!(owner), &refusal));
    }
    let ward = Ward::with_ca(identified()).await;
    ward.add("example.test", RecordType::CAA, "0 issue \"other.test\"");
    ward.add(NAME, RecordType::CAA, "0 issue \"CA.test; validationmethods=dns-01\"");
    assert_eq!(ward.doctor(NAME, &[]).await.codes(), [""; 0]);
}

#[tokio::test]
async fn a_name_of_which_dns_says_nothing_is_told_for_what_needs_it() {
    let ward = Ward::with_ca(identified()).await;
    let found = ward.doctor("www.nowhere.test", &[]).await;
    assert_eq!(found.codes(), ["caa-unanswered", "dns-unanswered"]);
    assert_eq!(found.facts("caa-unanswered")["at"], "www.nowhere.test");
}

#[tokio::test]
async fn a_challenge_that_a_cname_takes_out_of_the_zone_that_was_given_is_in_none() {
    let ward = Ward::with(|builder| builder.zone("other.test")).await;
    ward.add(CHALLENGE, RecordType::CNAME, "proofs.other.test.");
    let found = ward.doctor(NAME, &["--dns-zone", "example.test"]).await;
    assert_eq!(found.only("zone-not-found")["name"], NAME);
}

#[tokio::test]
async fn a_resolver_that_fails_only_when_it_validates_tells_of_broken_dnssec() {
    let mut ward = Ward::new().await;
    let resolver = ward.resolver_apart("127.0.0.9").await;
    resolver.set_behaviour(0, mood(Mood::Bogus));
    let found = ward.doctor(NAME, &[]).await;
    let facts = json!({"name": NAME, "resolver": resolver.resolver_addr().to_string()});
    assert_eq!(*found.only("dnssec-broken"), facts);
}

#[test]
fn a_real_resolver_that_validates_tells_of_broken_dnssec() {
    let machine = Machine { own: &["192.0.2.53/32", "192.0.2.54/32"], ..ALONE };
    inside("a_real_resolver_that_validates_tells_of_broken_dnssec", &machine, async {
        let ward = Ward::new().await;
        let key = TsigKey::generate(TsigAlgorithm::default()).expect("a key");
        let authority = "127.0.0.1:53".parse().expect("an address");
        let _zone = Servers::start_at(ward.lab.dns.store().clone(), &[authority], &key).await.expect("a server");
        for (address, broken) in [("192.0.2.53", false), ("192.0.2.54", true)] {
            let start = if broken { bind_distrusting } else { bind_resolver };
            let resolver = tokio::task::spawn_blocking(move || start(address, "example.test", "127.0.0.1"));
            let Some(_resolver) = resolver.await.expect("started") else { return };
            let peers = [&ward.peers()[..4], &["--dns-resolver".to_owned(), address.to_owned()]].concat();
            let run = Acmite::new("doctor --json", &ward.scene.state()).args(peers).args([NAME]);
            let found = Diagnosis::of(ended(run).await);
            if broken {
                assert_eq!(*found.only("dnssec-broken"), json!({"name": NAME, "resolver": address}));
            } else {
                assert_eq!(found.codes(), [""; 0]);
            }
        }
    });
}

#[tokio::test]
async fn a_name_server_without_the_zone_is_named() {
    let ward = Ward::new().await;
    ward.lab.dns.set_behaviour(1, mood(Mood::Refuses));
    let found = ward.doctor(NAME, &[]).await;
    let facts = found.only("name-server-failing");
    assert_eq!(facts["server"]["address"], json!(ward.lab.dns.addresses()[1]));
    assert_eq!((&facts["zone"], &facts["answer"]), (&json!("example.test"), &json!("REFUSED")));
}

#[tokio::test]
async fn a_clock_that_differs_from_the_cas_is_found() {
    let ward = Ward::with_ca(CaOptions { ahead: Duration::from_secs(7200), ..CaOptions::default() }).await;
    let found = ward.doctor(NAME, &[]).await;
    let facts = found.only("clock-off");
    assert_eq!(facts["behind"], true);
    assert!(facts["seconds"].as_u64().is_some_and(|seconds| (7190..=7210).contains(&seconds)), "{facts}");
}

#[tokio::test]
async fn a_ca_that_is_not_trusted_not_there_or_no_ca_is_told_apart() {
    let ward = Ward::new().await;
    let resolver = ward.lab.dns.resolver_addr().to_string();
    let of = async |more: &[&str]| {
        let run = Acmite::new("doctor --json", &ward.scene.state()).args([NAME, "--dns-resolver", &resolver]);
        Diagnosis::of(ended(run.args(more)).await)
    };
    let directory = ward.lab.ca.directory_url();
    assert_eq!(of(&["--server", &directory]).await.only("ca-untrusted")["server"], json!(directory));
    let bundle = of(&["--server", &directory, "--ca-bundle", "/nonexistent.pem"]).await;
    assert_eq!(bundle.only("ca-bundle")["path"], "/nonexistent.pem");
    let empty = ward.scene.private_file("empty.pem", "");
    let empty = empty.display().to_string();
    assert_eq!(of(&["--server", &directory, "--ca-bundle", &empty]).await.only("ca-bundle")["path"], json!(empty));
    let nobody = "http://127.0.0.1:9/directory";
    assert_eq!(of(&["--server", nobody]).await.only("ca-unreachable")["server"], json!(nobody));
    let no_ca = format!("{}/", ward.lab.cloudflare.base_url());
    assert_eq!(of(&["--server", &no_ca]).await.only("ca-unusable")["server"], json!(no_ca));
}

#[tokio::test]
async fn a_wildcard_without_dns_has_no_challenge() {
    let ward = Ward::new().await;
    let found = ward.doctor_without_provider("*.example.test", &["--standalone"]).await;
    assert!(found.only("challenge-unsuited")["why"].as_str().is_some_and(|why| why.contains("DNS-01 alone")));
}

const ALONE: Machine<'_> = Machine { own: &[], lost: &[], resolver: "127.0.0.1" };

async fn standing_at(address: &str) -> Ward {
    let ward = Ward::new().await;
    ward.add(NAME, RecordType::A, address);
    ward
}

/// Answers everything with one text.
fn answer(port: u16, text: &'static str) {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // A client that has gone has its answer.
            stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(text.as_bytes())).ok();
        }
    });
}

#[test]
fn a_port_of_ones_own_that_the_names_address_leads_to_is_healthy() {
    inside("a_port_of_ones_own_that_the_names_address_leads_to_is_healthy", &ALONE, async {
        let ward = standing_at("127.0.0.1").await;
        ward.add(NAME, RecordType::AAAA, "::1");
        for method in ["--standalone", "--tls-alpn"] {
            assert_eq!(ward.doctor_without_provider(NAME, &[method]).await.codes(), [""; 0], "{method}");
            assert_eq!(ward.doctor_without_provider("127.0.0.1", &[method]).await.codes(), [""; 0], "{method}");
        }
    });
}

#[test]
fn a_port_that_is_taken_or_not_allowed_is_told_with_its_holder() {
    inside("a_port_that_is_taken_or_not_allowed_is_told_with_its_holder", &ALONE, async {
        let ward = standing_at("127.0.0.1").await;
        let taken = TcpListener::bind("0.0.0.0:80").expect("a port");
        let found = ward.doctor_without_provider(NAME, &["--standalone"]).await;
        let facts = found.only("port-taken");
        assert_eq!(facts["port"], 80);
        let process = format!("(process {})", std::process::id());
        assert!(facts["holder"].as_str().is_some_and(|holder| holder.contains(&process)), "{facts}");
        drop(taken);
        let home = tempfile::tempdir().expect("a folder");
        let found = Diagnosis::of(ended(unprivileged(&ward, home.path())).await);
        assert_eq!(*found.only("port-forbidden"), json!({"port": 80}));
    });
}

/// The doctor as nobody, who has a home and may read the CA's root.
fn unprivileged(ward: &Ward, home: &Path) -> Acmite {
    let peers = ward.peers();
    for path in [home, ward.scene.folder(), Path::new(&peers[3])] {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("given away");
    }
    Acmite::as_nobody("doctor --json", &home.join("state")).args(peers).args([NAME, "--standalone"])
}

#[test]
fn someone_else_at_the_names_address_is_told_with_what_they_say() {
    inside("someone_else_at_the_names_address_is_told_with_what_they_say", &ALONE, async {
        let ward = standing_at("127.0.0.1").await;
        let root = tempfile::tempdir().expect("a folder");
        let webroot = root.path().display().to_string();
        answer(80, "HTTP/1.1 404 Not Found\r\nserver: other/1.0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let found = ward.doctor_without_provider(NAME, &["--webroot", &webroot]).await;
        let facts = found.only("answered-by-other");
        assert_eq!((&facts["address"], &facts["port"]), (&json!("127.0.0.1"), &json!(80)));
        assert!(facts["said"].as_str().is_some_and(|said| said.starts_with("\"other/1.0\" answered with status 404")));
        assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 0, "a token is left");
        // The port is forwarded to another one, and someone else is at the one that is not.
        answer(443, "no TLS");
        let found = ward.doctor_without_provider(NAME, &["--tls-alpn", "--tls-port", "4433"]).await;
        assert_eq!(found.only("answered-by-other")["port"], 443);
    });
}

#[test]
fn an_address_where_nobody_answers_or_none_at_all_is_found() {
    inside("an_address_where_nobody_answers_or_none_at_all_is_found", &ALONE, async {
        let ward = standing_at("127.0.0.7").await;
        let found = ward.doctor_without_provider(NAME, &["--standalone", "--http-port", "8080"]).await;
        let facts = found.only("port-unreachable");
        assert_eq!(
            (&facts["address"], &facts["port"], &facts["name"]),
            (&json!("127.0.0.7"), &json!(80), &json!(NAME))
        );
        let found = ward.doctor_without_provider("example.test", &["--standalone"]).await;
        assert_eq!(*found.only("no-address"), json!({"name": "example.test"}));
    });
}

#[tokio::test]
async fn a_port_that_cannot_be_locked_is_of_no_use() {
    let ward = Ward::new().await;
    std::fs::create_dir_all(ward.kept("locks/port-80")).expect("in the way");
    let open = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(ward.scene.state(), open).expect("changed");
    assert_eq!(ward.doctor_without_provider(NAME, &["--standalone"]).await.only("port-unusable")["port"], 80);
}

#[tokio::test]
async fn a_webroot_that_is_not_there_is_found() {
    let ward = Ward::new().await;
    let found = ward.doctor_without_provider(NAME, &["--webroot", "/nonexistent"]).await;
    assert_eq!(found.only("webroot-unusable")["path"], "/nonexistent");
}
