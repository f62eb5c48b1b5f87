//! Which CA is asked without TLS, and a process whose memory nobody is to see.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use acmite_tests::acmite::{Acmite, NOBODY};
use acmite_tests::hostile::Peer;
use acmite_tests::hostile::ca::{WORDS, assert_harmless};
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

/// Reads of a process, as its own user, what only its user may read; gives whether that went well, and whose it is.
fn look_into(pid: u32) -> (bool, u32) {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let path = format!("/proc/{pid}/environ");
    let owner = std::fs::metadata(&path).unwrap().uid();
    let mut reading = std::process::Command::new("cat");
    reading.arg(&path).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    if rustix::process::geteuid().is_root() {
        reading.uid(NOBODY).gid(NOBODY);
    }
    (reading.status().unwrap().success(), owner)
}

#[test]
fn another_process_of_the_user_cannot_look_into_a_running_acmite() {
    use std::os::unix::process::CommandExt as _;
    let peer = Peer::start(Arc::new(|_, stream| stream.read(&mut [0; 1]).map(|_| ())));
    let folder = tempfile::tempdir().unwrap();
    let (state, server) = (folder.path().join("state"), format!("{}/directory", peer.url));
    let is_root = rustix::process::geteuid().is_root();
    let mut sleeping = std::process::Command::new("sleep");
    sleeping.arg("60");
    let mut run = Acmite::new("issue", &state);
    if is_root {
        // Root may look into everything.
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        sleeping.uid(NOBODY).gid(NOBODY);
        run = Acmite::as_nobody("issue", &state);
    }
    let run = run.args(["-d", "a.example.test", "--server", &server, "--email", "a@example.test", "--agree-tos"]);
    let running = run.args(["--standalone"]).start();
    wait_until("a request to the CA", Duration::from_secs(30), || !peer.requests().is_empty());
    assert_eq!(look_into(running.id()), (false, 0), "{}", running.stderr());
    running.kill();
    // Any other process of the user can be looked into.
    let mut sleeping = sleeping.spawn().unwrap();
    let (could, owner) = look_into(sleeping.id());
    sleeping.kill().unwrap();
    sleeping.wait().unwrap();
    assert!(could && owner != 0, "{owner}");
}

/// Hostile words wherever a CA can put them.
fn hostile_reply(peer: &str) -> String {
    let url = |path: &str| format!("{peer}/{path}\u{1b}[2J");
    serde_json::json!({
        "type": format!("urn:ietf:params:acme:error:unauthorized{WORDS}"),
        "title": WORDS, "detail": WORDS, "instance": WORDS, "status": WORDS,
        "subproblems": [{"type": WORDS, "detail": WORDS, "identifier": {"type": "dns", "value": WORDS}}],
        "newNonce": url("nonce"), "newAccount": url("account"), "newOrder": url("order"),
        "revokeCert": url("revoke"), "keyChange": url("change"),
        "meta": {"termsOfService": WORDS, "website": WORDS, "caaIdentities": [WORDS], "profiles": {WORDS: WORDS}},
    })
    .to_string()
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
        assert_harmless(&finished, status);
    }
}
