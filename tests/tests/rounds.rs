//! A name that holds one value gets a certificate with its wildcard all the same: one value after the other.

use acmite_lab::api::{self, MockApi};
use acmite_lab::ca::{Ca as LabCa, CaOptions};
use acmite_lab::dns::{Dns, Store, TsigAlgorithm, TsigKey};
use acmite_tests::openssl;
use acmite_tests::scene::{Ca, Scene};

struct Served {
    directory: String,
    bundle: std::path::PathBuf,
}

impl Ca for Served {
    fn arguments(&self) -> Vec<String> {
        let bundle = self.bundle.display().to_string();
        vec!["--server".to_owned(), self.directory.clone(), "--ca-bundle".to_owned(), bundle]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apex_and_wildcard_are_proven_one_after_the_other_where_a_name_holds_one_value() {
    let store = Store::default();
    store.add_zone("duckdns.org").expect("a zone");
    let before = store.records("duckdns.org").expect("the zone").len();
    let key = TsigKey::generate(TsigAlgorithm::default()).expect("a key");
    let dns = Dns::start(store.clone(), 1, &key).await.expect("a name server");
    let ca = LabCa::start(CaOptions::default(), vec![dns.resolver_addr()]).await.expect("a CA");
    let duckdns = MockApi::start(api::duckdns(store.clone(), "token".to_owned(), &["me"])).await.expect("a mock");

    let scene = Scene::duckdns(dns.resolver_addr(), "token");
    let bundle = scene.private_file("ca.pem", ca.tls_root_pem());
    let names = ["me.duckdns.org", "*.me.duckdns.org"];
    let run = scene.issue(&Served { directory: ca.directory_url(), bundle }).names(names);
    let origins = format!("duckdns.api={}", duckdns.base_url());
    let done = run.env("ACMITE_LAB_ORIGINS", &origins).run().expect_code(0);

    let asked: Vec<bool> = duckdns.requests().iter().map(|request| request.query.contains_key("clear")).collect();
    assert_eq!(asked, [false, true, false, true], "{done}");
    assert_eq!(store.records("duckdns.org").expect("the zone").len(), before);
    let certificate = openssl::verify(&scene.live(names[0]), ca.root_pem());
    assert_eq!(openssl::dns_names(&certificate), ["*.me.duckdns.org", "me.duckdns.org"]);
    assert_eq!(scene.journal(), Vec::<std::path::PathBuf>::new());
}
