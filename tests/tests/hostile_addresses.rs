//! Hosts that no plugin may reach, by manifest, by setting, by name server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acmite::plugin::address::FilteredResolver;
use acmite_tests::hostile::{Attack, Peer, manifest};
use serde_json::json;

const FIXED: &str = "url = \"https://api.example.com/v1\"";
const TYPED: &str = "url = \"{server_url}\"";
const FIELD: &str = "[field.api_token]";
const SERVER_FIELD: &str = "[field.server_url]\nhelp = \"where\"\n\n[field.api_token]";

/// Asks an origin that the manifest fixes, or the reason why that could not even begin.
async fn fixed(attack: Attack, origin: &str) -> String {
    outcome(attack.replacing(FIXED, &format!("url = \"{origin}\""))).await
}

/// Asks an origin that is the user's setting.
async fn typed(attack: Attack, origin: &str) -> String {
    outcome(attack.replacing(FIELD, SERVER_FIELD).replacing(FIXED, TYPED).setting("server_url", origin)).await
}

async fn outcome(attack: Attack) -> String {
    match attack.provider() {
        Err(refusal) => refusal,
        Ok(_) => attack.given().await[0].to_string(),
    }
}

fn both() -> [Attack; 2] {
    let attack = Attack::script(&json!([{"send": {"endpoint": "zones"}}]));
    [attack.clone(), attack.wild()]
}

#[tokio::test]
async fn a_manifest_cannot_name_this_machine_or_its_network_however_it_is_spelled() {
    let peer = Peer::fixed("200 OK", "{}");
    let port = peer.port;
    for attack in both() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0x7f000001",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "127.0.0.1.",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "0.0.0.0",
            "0",
            "[::]",
            "user@127.0.0.1",
            "user:password@localhost",
            "\u{ff11}27.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "%31%32%37.0.0.1",
            "api.example.com@127.0.0.1",
        ] {
            let said = fixed(attack.clone(), &format!("https://{host}:{port}/v1")).await;
            assert!(!said.contains("\"status\""), "{host}: {said}");
        }
        for origin in [
            format!("http://127.0.0.1:{port}"),
            format!("HTTP://localhost:{port}"),
            "https://10.0.0.1".into(),
            "https://192.168.1.1".into(),
            "https://172.16.0.1".into(),
            "https://169.254.169.254".into(),
            "https://100.100.100.200".into(),
            "https://168.63.129.16".into(),
            "https://[fd00:ec2::254]".into(),
            "https://[fe80::1]".into(),
            "https://100.64.0.1".into(),
            "https://224.0.0.1".into(),
            "https://".into(),
            "https://a..b".into(),
            "file:///etc/passwd".into(),
            "ftp://example.com".into(),
            "https://x/?a".into(),
            "https://x/#a".into(),
            "//example.com".into(),
            "unix:/run/docker.sock".into(),
        ] {
            let said = fixed(attack.clone(), &origin).await;
            let why = ["where no plugin may go", "cannot be used", "url begins with https://", "plugin.toml"];
            assert!(why.iter().any(|why| said.contains(why)), "{origin}: {said}");
        }
    }
    peer.assert_untouched();
}

#[tokio::test]
async fn what_the_user_typed_may_be_this_machine_and_never_a_metadata_service() {
    for attack in both() {
        let peer = Peer::fixed("200 OK", "{}");
        for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"] {
            let said = typed(attack.clone(), &format!("http://{host}:{}", peer.port)).await;
            let reached = said.contains("\"status\":200");
            assert_eq!(reached, !host.starts_with('['), "{host}: {said}");
        }
        assert_eq!(peer.requests().len(), 3);
        for origin in [
            "https://169.254.169.254",
            "https://169.254.169.254.",
            "https://[::ffff:169.254.169.254]",
            "https://2852039166",
            "https://0xa9fea9fe",
            "https://100.100.100.200",
            "https://192.0.0.192",
            "https://[fd00:ec2::254]",
            "https://[64:ff9b::a9fe:a9fe]",
            "http://169.254.169.254",
            "http://10.0.0.1",
            "http://example.com",
            "http://api.localhost",
            "https://user@example.com",
            "https://example.com/?x",
            "example.com",
            "https://0.0.0.0",
        ] {
            let said = typed(attack.clone(), origin).await;
            assert!(said.contains("cannot be"), "{origin}: {said}");
        }
    }
}

#[tokio::test]
async fn the_exemption_for_what_the_user_typed_is_not_the_manifests_to_claim() {
    let peer = Peer::fixed("200 OK", "{}");
    for attack in both() {
        for field in [
            format!("[field.server_url]\nhelp = \"where\"\ndefault = \"http://127.0.0.1:{}\"\n\n{FIELD}", peer.port),
            format!(
                "[field.server_url]\nhelp = \"where\"\none_of = [\"http://127.0.0.1:{}\"]\ndefault = \"http://127.0.0.1:{}\"\n\n{FIELD}",
                peer.port, peer.port
            ),
        ] {
            let url = format!("http://127.0.0.1:{}", peer.port);
            let attack = attack.clone().replacing(FIELD, &field).replacing(FIXED, TYPED).setting("server_url", &url);
            let said = attack.provider().err().unwrap_or_default();
            assert!(said.contains("server_url"), "{said:?}");
        }
        for url in ["{server_url}{arg}", "{server_url}.evil.example", "{server_url}@evil.example", "{server_url}:8080"]
        {
            let attack = attack.clone().replacing(FIELD, SERVER_FIELD);
            let said = attack.replacing(FIXED, &format!("url = \"{url}\"")).provider().err().unwrap_or_default();
            assert!(said.contains("origin"), "{url}: {said:?}");
        }
    }
    peer.assert_untouched();
}

#[tokio::test]
async fn a_label_of_the_host_stays_one_label() {
    let url = "url = \"https://{region}.api.example.com/v1\"";
    let field = format!("[field.region]\nhelp = \"which\"\n\n{FIELD}");
    for attack in both() {
        let attack = attack.replacing(FIELD, &field).replacing(FIXED, url);
        for value in
            ["127.0.0.1/", "evil.example/x?", "evil.example#", "a@127.0.0.1:80/", "a.b", "", "..", "a b", "\u{ff0e}"]
        {
            let said = attack.clone().setting("region", value).provider().err().unwrap_or_default();
            assert!(said.contains("region") || said.contains("api"), "{value:?}: {said:?}");
        }
        assert!(attack.setting("region", "eu-1").provider().is_ok());
    }
}

/// A resolver whose answers are these, one after another, and a client that connects by it to a listening peer.
async fn connect(answers: &'static [&'static [&'static str]], user_typed: bool, tries: usize) -> (Vec<String>, usize) {
    let peer = Peer::fixed("200 OK", "{}");
    let turn = Arc::new(AtomicUsize::new(0));
    let lookup = move |_: &str| -> std::io::Result<Vec<SocketAddr>> {
        let answer = answers[turn.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
        Ok(answer.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect())
    };
    let typed = if user_typed { HashSet::from(["api.example.com".to_owned()]) } else { HashSet::new() };
    let resolver = FilteredResolver::new(typed).with_lookup(Arc::new(lookup));
    let client = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(resolver)).build().unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..tries {
        let sent = client.get(format!("http://api.example.com:{}/", peer.port)).header("connection", "close").send();
        outcomes.push(match tokio::time::timeout(std::time::Duration::from_secs(2), sent).await {
            Ok(Ok(reply)) => reply.status().to_string(),
            Ok(Err(error)) => acmite_tests::hostile::chain(&error),
            Err(_) => "no answer".to_owned(),
        });
    }
    (outcomes, peer.requests().len())
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
    const ANSWERS: [&[&[&str]]; 5] =
        [&[&["127.0.0.1"]], &[&["::ffff:127.0.0.1"]], &[&["0.0.0.0"]], &[&["::"]], &[&["::1"]]];
    for answers in ANSWERS {
        let (outcomes, seen) = connect(answers, false, 1).await;
        assert!(outcomes[0].contains("where no plugin may go") && seen == 0, "{answers:?}: {outcomes:?}");
    }
    let (outcomes, seen) = connect(&[&["127.0.0.1"]], true, 1).await;
    assert!(outcomes == ["200 OK"] && seen == 1, "with the filter off the same name is connected to: {outcomes:?}");
}

#[tokio::test]
async fn of_mixed_answers_none_is_used() {
    const ANSWERS: [&[&[&str]]; 2] = [&[&["1.1.1.1", "127.0.0.1"]], &[&["127.0.0.1", "1.1.1.1"]]];
    for answers in ANSWERS {
        let (outcomes, seen) = connect(answers, false, 1).await;
        assert!(outcomes[0].contains("where no plugin may go") && seen == 0, "{outcomes:?}");
    }
    let (_, seen) = connect(&[&["127.0.0.1", "1.1.1.1"]], true, 1).await;
    assert_eq!(seen, 1);
}

#[tokio::test]
async fn an_answer_that_changes_is_judged_anew() {
    // 192.0.2.0/24 would be refused too; an address that is allowed and leads nowhere here is 1.1.1.1.
    let (outcomes, seen) = connect(&[&["1.1.1.1"], &["127.0.0.1"]], false, 2).await;
    assert!(!outcomes[0].contains("no plugin") && outcomes[1].contains("no plugin") && seen == 0, "{outcomes:?}");
    let (_, seen) = connect(&[&["1.1.1.1"], &["127.0.0.1"]], true, 2).await;
    assert_eq!(seen, 1);
}

/// A manifest for DNS UPDATE to this server, and the setting it may be taken from.
fn updates(server: &str) -> Attack {
    let text = manifest("wild.toml")
        + &format!(
            "\n[field.server]\nrequired = false\nhelp = \"where\"\n\n[dns_update]\nserver = \"{server}\"\nkey_name = \"key\"\nalgorithm = \"hmac-sha256\"\nsecret = \"api_secret\"\n"
        );
    let steps = json!([{"apply": [[["_acme-challenge.example.test", "ours"]], [], 60]}]);
    Attack::script(&steps).under(&text).secret("api_secret", "c2VjcmV0LWtleS1vZi10c2ln")
}

#[tokio::test]
async fn dns_updates_go_to_public_servers_or_where_the_user_typed() {
    let peer = Peer::hanging_up();
    let local = format!("127.0.0.1:{}", peer.port);
    for server in [local.clone(), format!("localhost:{}", peer.port), format!("[::ffff:127.0.0.1]:{}", peer.port)] {
        let said = outcome(updates(&server)).await;
        assert!(said.contains("no plugin may go"), "{server}: {said}");
    }
    for server in ["169.254.169.254:80", "10.0.0.1:25"] {
        let said = outcome(updates(server)).await;
        assert!(said.contains("no plugin may go"), "{server}: {said}");
    }
    peer.assert_untouched();
    let said = outcome(updates("{server}").setting("server", "169.254.169.254:80")).await;
    assert!(said.contains("no plugin may go"), "{said}");
    outcome(updates("{server}").setting("server", &local)).await;
    assert_eq!(peer.requests().len(), 1, "what the user typed is connected to");
}

#[tokio::test]
async fn dns_updates_count_as_requests_and_hold_each_value_once() {
    let peer = Peer::hanging_up();
    let local = format!("127.0.0.1:{}", peer.port);
    let attack = |name: &str, arg: &str| {
        let text = updates("{server}");
        text.setting("attack", name).arg(arg).setting("server", &local)
    };
    let error = attack("update-forever", "1000").present().await.unwrap_err().to_string();
    assert!(error.contains("more than 68 requests in one call"), "{error}");
    assert!(peer.requests().len() <= 68, "{}", peer.requests().len());
    let before = peer.requests().len();
    attack("update-forever", "100").limits(|limits| limits.requests = 1000).present().await.unwrap();
    assert!(peer.requests().len() > before + 68, "{} after {before}", peer.requests().len());
    let before = peer.requests().len();
    let error = attack("update-repeated", "1000").present().await.unwrap_err().to_string();
    assert!(error.contains("given twice"), "{error}");
    assert_eq!(peer.requests().len(), before);
    let error = attack("update-repeated", "1").present().await.unwrap_err().to_string();
    assert!(!error.contains("given twice") && peer.requests().len() == before + 1, "{error}");
}

#[tokio::test]
async fn a_manifest_cannot_stall_or_overflow_by_its_numbers() {
    for (from, to) in [
        ("rate_per_second = 1000", "rate_per_second = 1e-300"),
        ("rate_per_second = 1000", "rate_per_second = 0.0001"),
        ("rate_per_second = 1000", "rate_per_second = -1.0"),
        ("rate_per_second = 1000", "rate_per_second = nan"),
        ("rate_per_second = 1000", "rate_per_second = inf"),
        ("rate_per_second = 1000", "burst = 0"),
        ("rate_per_second = 1000", "burst = 4294967295"),
        ("[origin.api]", "[propagation]\nmin_ttl = 2147483647\n\n[origin.api]"),
        ("[origin.api]", "[propagation]\nsettle_ms = 9223372036854775807\n\n[origin.api]"),
    ] {
        for attack in both() {
            let said = attack.replacing(from, to).provider().err();
            assert!(said.as_ref().is_some_and(|said| said.contains("plugin.toml")), "{to}: {said:?}");
        }
    }
    for attack in both() {
        assert!(attack.replacing("rate_per_second = 1000", "rate_per_second = 0.1").provider().is_ok());
    }
}
