//! Many runs at once in one zone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use acmite_tests::acmite::Running;
use acmite_tests::knot::laggard;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Version, pebble};
use acmite_tests::powerdns::powerdns;
use acmite_tests::scene::Scene;

const FOREIGN: [&str; 2] = ["_acme-challenge.example.test. foreign", "_acme-challenge.shared.example.test. foreign"];
/// All, and those whose challenge name is a CNAME to the shared one.
const RUNS: usize = 20;
const BY_CNAME: usize = 8;

#[test]
fn twenty_runs_wait_side_by_side_in_one_zone_and_lose_nothing() {
    let Some(peer) = powerdns() else { return };
    let aliases: Vec<String> = (0..BY_CNAME).map(|run| format!("_acme-challenge.run{run}.example.test")).collect();
    let shared = ["_acme-challenge.shared.example.test."];
    let foreign = ["\"foreign\""];
    let mut sets: Vec<(&str, &str, &[&str])> = vec![
        ("_acme-challenge.example.test", "TXT", &foreign),
        ("_acme-challenge.shared.example.test", "TXT", &foreign),
    ];
    sets.extend(aliases.iter().map(|alias| (alias.as_str(), "CNAME", &shared[..])));
    peer.add_zone("example.test", 2, &sets);
    let Some(ca) = pebble(Version::Newest, peer.server.address, &Options::default()) else { return };
    let Some(laggard) = laggard(&peer.server) else { return };
    let scene = Scene::powerdns(&peer, &peer.api_url);
    let start = |run| scene.issue(&ca).args(["--json"]).names([format!("run{run}.example.test")]).start();
    let mut runs: Vec<Running> = (0..RUNS).map(start).collect();
    // No run can pass the second server, so all must have published while all the others wait.
    runs.iter_mut().for_each(|run| run.await_event("published"));
    assert_eq!(peer.server.all_txt("example.test").len(), FOREIGN.len() + RUNS);
    assert_eq!(peer.server.txt("_acme-challenge.shared.example.test").expect("an answer").len(), 1 + BY_CNAME);
    drop(laggard);
    let _twin = peer.twin("example.test");
    let mut accounts = BTreeSet::new();
    for (number, run) in runs.into_iter().enumerate() {
        let events = run.finish().expect_code(0).events();
        accounts.extend(events.iter().filter(|one| one["event"] == "account").map(|one| one["url"].to_string()));
        let name = format!("run{number}.example.test");
        let certificate = openssl::verify(&scene.live(&name), &ca.issuing_root());
        assert_eq!(openssl::dns_names(&certificate), [name]);
    }
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    assert_eq!(peer.server.all_txt("example.test"), FOREIGN);
    assert_eq!(scene.journal(), Vec::<PathBuf>::new());
}
