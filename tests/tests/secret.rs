//! A credential is used and found nowhere.

use std::path::{Path, PathBuf};

use acmite_tests::bind::bind;
use acmite_tests::leak::{files_with, forms, holds};
use acmite_tests::name_server::TSIG_SECRET;
use acmite_tests::pebble::{Options, Version, pebble};
use acmite_tests::powerdns::powerdns;
use acmite_tests::proxy::{Moment, Proxy};
use acmite_tests::scene::Scene;
use data_encoding::BASE64;

/// Runs with all that can be logged, and once more to a kill, so that a journal stays; what they say goes into files.
fn run_and_keep_all(scene: &Scene, run: acmite_tests::acmite::Acmite, file: &str) {
    let log = scene.folder().join(format!("{file}.log"));
    let done = run.args(["-vv", "--json", "--log-file"]).args([log]).run();
    std::fs::write(scene.folder().join(file), done.to_string()).expect("written");
    done.expect_code(0);
}

fn assert_absent(scene: &Scene, secret: &[u8]) {
    let found = files_with(scene.folder(), secret, &[scene.credentials()]);
    assert_eq!(found, Vec::<PathBuf>::new());
    // The search finds it where it is meant to be.
    assert_eq!(files_with(scene.folder(), secret, &[]), [scene.credentials()]);
}

/// The kernel's own account of a process that holds the secret in its memory.
fn assert_dumps_no_core(pid: u32) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("the limits of a live process");
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("its line");
    let values: Vec<&str> = line["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(values, ["0", "0", "bytes"]);
}

#[test]
fn an_api_key_reaches_the_api_and_no_log_output_journal_cache_or_state() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let Some(ca) = pebble(Version::Newest, peer.server.address, &Options::default()) else { return };
    let proxy = Proxy::start(&peer.api_url, Some((6, Moment::BeforeReply)));
    let scene = Scene::powerdns(&peer, &proxy.url);
    run_and_keep_all(&scene, scene.issue(&ca).names(["example.test", "*.example.test"]), "issued");
    let killed = scene.issue(&ca).args(["-vv"]).names(["www.example.test"]).start();
    assert!(proxy.await_hold(std::time::Duration::from_secs(60)), "{}", killed.stderr());
    std::fs::write(scene.folder().join("killed"), killed.stdout() + &killed.stderr()).expect("written");
    assert_dumps_no_core(killed.id());
    killed.kill();
    assert_ne!(scene.journal(), Vec::<PathBuf>::new());
    assert!(proxy.requests().iter().all(|request| holds(request, peer.api_key.as_bytes())));
    assert_absent(&scene, peer.api_key.as_bytes());
    proxy.release();
    run_and_keep_all(&scene, scene.cleanup(), "cleaned");
    assert_absent(&scene, peer.api_key.as_bytes());
}

#[test]
fn an_api_key_that_is_refused_is_in_no_message() {
    let Some(peer) = powerdns() else { return };
    peer.add_zone("example.test", 1, &[]);
    let Some(ca) = pebble(Version::Newest, peer.server.address, &Options::default()) else { return };
    let proxy = Proxy::start(&peer.api_url, None);
    let scene = Scene::powerdns(&peer, &proxy.url);
    let wrong = "wr0ng/key+that=is~refused";
    scene.change_credentials(&peer.api_key, wrong);
    let done = scene.issue(&ca).args(["-vv"]).names(["example.test"]).run().expect_code(4);
    assert!(proxy.requests().iter().any(|request| holds(request, wrong.as_bytes())));
    let said = done.to_string().into_bytes();
    assert!(!forms(wrong.as_bytes()).iter().any(|form| holds(&said, form)), "{done}");
    assert_absent(&scene, wrong.as_bytes());
}

#[test]
fn a_tsig_secret_signs_and_is_found_nowhere() {
    let Some(server) = bind("hmac-sha256") else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136(&server);
    run_and_keep_all(&scene, scene.issue(&ca).names(["example.test"]), "issued");
    assert!(server.log().contains("/key acmite: updating zone"), "it signed with the key");
    let decoded = BASE64.decode(TSIG_SECRET.as_bytes()).expect("base64");
    for secret in [TSIG_SECRET.as_bytes(), decoded.as_slice()] {
        assert_absent(&scene, secret);
    }
}

#[test]
fn private_keys_and_folders_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let Some(server) = bind("hmac-sha256") else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136(&server);
    scene.issue(&ca).names(["example.test"]).run().expect_code(0);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    assert_eq!(mode(&scene.state()), 0o700);
    assert_eq!(mode(&scene.live("example.test").join("privkey.pem")), 0o600);
}
