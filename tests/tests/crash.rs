//! Killed at any moment, a run leaves nothing that the next one does not find.

use std::path::PathBuf;
use std::time::Duration;

use acmite_tests::knot::{bind_with_laggard, laggard};
use acmite_tests::name_server::TSIG_SECRET;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::powerdns::{PowerDns, powerdns};
use acmite_tests::proxy::{Moment, Proxy};
use acmite_tests::scene::Scene;

const FOREIGN: [&str; 1] = ["_acme-challenge.example.test. foreign"];
const NAMES: [&str; 3] = ["example.test", "*.example.test", "www.example.test"];

fn peers(servers: u8) -> Option<(PowerDns, Pebble)> {
    let peer = powerdns()?;
    peer.add_zone("example.test", servers, &[("_acme-challenge.example.test", "TXT", &["\"foreign\""])]);
    let ca = pebble(Version::Newest, peer.server.address, &Options::default())?;
    Some((peer, ca))
}

fn assert_clean(scene: &Scene, peer: &PowerDns) {
    assert_eq!(peer.server.all_txt("example.test"), FOREIGN);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
}

/// Kills a run while its exchange number `number` with the API is held. Publishing is a read and a write, and so is
/// cleaning up.
fn killed_at(peer: &PowerDns, ca: &Pebble, number: usize, moment: Moment) -> (Scene, Proxy) {
    let proxy = Proxy::start(&peer.api_url, Some((number, moment)));
    let scene = Scene::powerdns(peer, &proxy.url);
    let run = scene.issue(ca).names(NAMES).start();
    assert!(proxy.await_hold(Duration::from_secs(60)), "{}{}", run.stdout(), run.stderr());
    run.kill();
    let published = (2, Moment::BeforeReply) <= (number, moment) && (number, moment) < (4, Moment::BeforeReply);
    let dirty = peer.server.all_txt("example.test") != FOREIGN;
    assert_eq!(dirty, published, "exchange {number}, {moment:?}");
    proxy.release();
    (scene, proxy)
}

#[test]
fn killed_at_any_exchange_with_the_api_its_records_are_removed_by_cleanup() {
    let Some((peer, ca)) = peers(1) else { return };
    for number in 1..=4 {
        for moment in [Moment::BeforeRequest, Moment::BeforeReply] {
            let (scene, _proxy) = killed_at(&peer, &ca, number, moment);
            assert_ne!(scene.journal(), Vec::<PathBuf>::new());
            scene.cleanup().run().expect_code(0);
            assert_clean(&scene, &peer);
        }
    }
}

#[test]
fn killed_before_it_heard_that_its_records_are_published_they_are_removed_by_the_next_issue() {
    let Some((peer, ca)) = peers(1) else { return };
    let (scene, _proxy) = killed_at(&peer, &ca, 2, Moment::BeforeReply);
    scene.issue(&ca).names(NAMES).run().expect_code(0);
    assert_clean(&scene, &peer);
}

#[test]
fn cleanup_removes_the_records_of_a_killed_run_and_leaves_those_of_a_living_one() {
    let Some((peer, ca)) = peers(2) else { return };
    let Some(_laggard) = laggard(&peer.server) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let start = |names: &[&str]| {
        let mut run = scene.issue(&ca).args(["--json"]).names(names).start();
        run.await_event("published");
        run
    };
    let living = start(&["alive.example.test"]);
    let killed = start(&NAMES);
    assert_eq!(peer.server.all_txt("example.test").len(), 1 + 1 + NAMES.len());
    killed.kill();
    scene.cleanup().run().expect_code(0);
    let left = peer.server.all_txt("example.test");
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].starts_with("_acme-challenge.alive.example.test. "), "{left:?}");
    assert_eq!(left[1], FOREIGN[0]);
    living.signal("INT");
    living.finish().expect_code(130);
    assert_clean(&scene, &peer);
}

#[test]
fn what_the_provider_will_not_remove_is_named_and_forgotten_when_asked() {
    let Some((server, _laggard)) = bind_with_laggard() else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136(&server);
    let mut run = scene.issue(&ca).args(["--json"]).names(["a.example.test"]).start();
    run.await_event("published");
    run.kill();
    scene.change_credentials(TSIG_SECRET, "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldA==");
    let left = server.all_txt("example.test");
    let (name, value) = left.iter().find_map(|one| one.split_once(". ")).expect("a record");
    let named = format!("{name} TXT \"{value}\"");
    let kept = scene.cleanup().run().expect_code(11);
    assert!(kept.stdout.contains("still there  1 value in example.test") && kept.stdout.contains(&named), "{kept}");
    let forgotten = scene.cleanup().args(["--forget"]).run().expect_code(0);
    assert!(forgotten.stdout.contains("forgotten") && forgotten.stdout.contains(&named), "{forgotten}");
    let nothing = scene.cleanup().run().expect_code(0);
    assert_eq!(nothing.stdout.trim(), "nothing was left behind");
    assert_eq!(server.all_txt("example.test"), left, "by hand");
}

#[test]
fn killed_after_an_update_its_records_are_removed_by_another_update() {
    let Some((server, _laggard)) = bind_with_laggard() else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136(&server);
    let mut run = scene.issue(&ca).args(["--json"]).names(NAMES).start();
    run.await_event("published");
    run.kill();
    assert_eq!(server.all_txt("example.test").len(), FOREIGN.len() + NAMES.len());
    scene.cleanup().run().expect_code(0);
    assert_eq!(server.all_txt("example.test"), FOREIGN);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
}
