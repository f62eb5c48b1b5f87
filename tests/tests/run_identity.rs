//! `acmite run` goes on for longer than a credential that a machine is given holds.

use std::time::Duration;

use acmite_lab::Lab;
use acmite_lab::api::{MockApi, aws_identity, route53};
use acmite_tests::acmite::Acmite;
use acmite_tests::openssl;
use acmite_tests::scene::Scene;

const SECRET: &str = "secret/of+the/role";

/// The lab's certificates begin a minute before they are made: two thirds of it are over some seconds later.
const LIFETIME: Duration = Duration::from_secs(110);

/// How many keys were fetched once the first certificate was there, and once the CA had given it anew; keys hold so long.
async fn keys_fetched(lifetime: Duration) -> [usize; 2] {
    let lab = Lab::builder().zone("example.test").certificate_lifetime(LIFETIME).start();
    let lab = lab.await.expect("a lab");
    let api = MockApi::start(route53(lab.dns.store().clone(), SECRET.into())).await.expect("a mock");
    let giver = MockApi::start(aws_identity(SECRET.into(), lifetime)).await.expect("a mock");
    let facts = lab.description();
    let scene = Scene::new("route53", facts.resolver, "");
    scene.private_file("root.pem", &facts.tls_root_pem);
    let config = format!(
        "[ca.lab]\ndirectory = {:?}\nca_bundle = \"root.pem\"\nagree_tos = true\n\
         [provider.dns]\nplugin = \"route53\"\n[defaults.dns]\nresolvers = [\"{}\"]\n\
         [certificate.a]\nnames = [\"a.example.test\"]\n",
        facts.directory_url, facts.resolver
    );
    let config = scene.private_file("acmite.toml", &config);
    let run = Acmite::new("run --json", &scene.state())
        .args(["--config"])
        .args([config])
        .env("ACMITE_LAB_ORIGINS", &format!("route53.api={}", api.base_url()))
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &giver.base_url());
    let live = scene.live("a");
    let counted = tokio::task::spawn_blocking(move || {
        let mut run = run.start();
        let fetched = [1, 2].map(|times| {
            run.await_events("stored", times);
            giver.requests().iter().filter(|request| request.path.ends_with("role-of-the-machine")).count()
        });
        openssl::verify(&live, &facts.ca_root_pem);
        run.signal("TERM");
        run.finish().expect_code(0);
        fetched
    });
    counted.await.expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_round_of_the_service_begins_with_a_key_of_its_own_and_fetches_no_second() {
    assert_eq!(keys_fetched(Duration::from_secs(3600)).await, [1, 2]);
}
