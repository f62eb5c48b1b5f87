//! Which CA is asked without TLS, and a process whose memory nobody is to see.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use acmite_tests::acmite::Acmite;
use acmite_tests::hostile::Peer;
use acmite_tests::process::wait_until;

fn issue(state: &std::path::Path, server: &str) -> Acmite {
    let run = Acmite::new("issue", state).args(["-d", "a.example.test", "--server", server]);
    run.args(["--email", "a@example.test", "--agree-tos", "--standalone"])
}

#[test]
fn a_ca_without_tls_is_asked_on_loopback_alone() {
    let folder = tempfile::tempdir().unwrap();
    let finished = issue(&folder.path().join("state"), "http://ca.example/directory").run();
    assert_ne!(finished.code, Some(0));
    assert!(finished.stderr.contains("https"), "{finished:?}");
}

#[test]
fn a_running_acmite_leaves_no_core_dump() {
    let peer = Peer::start(Arc::new(|_, stream| stream.read(&mut [0; 1]).map(|_| ())));
    let folder = tempfile::tempdir().unwrap();
    let running = issue(&folder.path().join("state"), &format!("{}/directory", peer.url)).start();
    wait_until("a request to the CA", Duration::from_secs(30), || !peer.requests().is_empty());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let sizes: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{core}");
    running.kill();
}

/// Escapes of terminals, line ends and text that runs the other way, wherever a CA can put words.
fn hostile_reply(peer: &str) -> String {
    let words = "\u{1b}]0;owned\u{7}\u{1b}[31m\r\nerror: all is well\u{202e}\u{9b}2J\u{0}";
    let url = |path: &str| format!("{peer}/{path}\u{1b}[2J");
    serde_json::json!({
        "type": format!("urn:ietf:params:acme:error:unauthorized{words}"),
        "title": words, "detail": words, "instance": words, "status": words,
        "subproblems": [{"type": words, "detail": words, "identifier": {"type": "dns", "value": words}}],
        "newNonce": url("nonce"), "newAccount": url("account"), "newOrder": url("order"),
        "revokeCert": url("revoke"), "keyChange": url("change"),
        "meta": {"termsOfService": words, "website": words, "caaIdentities": [words], "profiles": {words: words}},
    })
    .to_string()
}

/// What would move a cursor, change a colour, forge a line or turn text around.
fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn the_words_of_a_hostile_ca_are_shown_without_what_makes_them_hostile() {
    for status in ["403 Forbidden", "400 Bad Request", "200 OK"] {
        let url = Arc::new(std::sync::OnceLock::<String>::new());
        let own = Arc::clone(&url);
        let peer = Peer::start(Arc::new(move |_, stream| {
            let body = hostile_reply(own.get().map_or("", String::as_str));
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nreplay-nonce: AAAA\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()))
        }));
        url.set(peer.url.clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = issue(&folder.path().join("state"), &format!("{}/directory", peer.url)).args(["-v"]);
        let finished = run.run();
        assert!(!matches!(finished.code, Some(0) | None), "{finished:?}");
        assert!(!peer.requests().is_empty());
        for text in [&finished.stdout, &finished.stderr] {
            assert_eq!(text.chars().find(|c| is_hostile(*c)), None, "{status}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: all is well")), "{status}: {text:?}");
        }
    }
}
