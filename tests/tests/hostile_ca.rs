//! Which CA is asked without TLS, and a process whose memory nobody is to see.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read;
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
