//! Certificates, chains, revocation, renewal information and profiles.

use std::sync::Arc;

use acmite_lab::Lab;
use acmite_lab::ca::CaOptions;
use data_encoding::BASE64URL_NOPAD;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client::{Client, Key, Publish};
use crate::{lab, lab_with, options};

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().expect("PEM")
}

/// As a browser would, with the one root.
fn verifies(chain: &str, root_pem: &str, name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    certificates(root_pem).into_iter().for_each(|root| roots.add(root).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let chain = certificates(chain);
    let server = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &server, &[], UnixTime::now()).is_ok()
}

fn alternate(reply: &crate::client::Reply) -> String {
    let mut links = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    let link = links.find(|link| link.ends_with(";rel=\"alternate\"")).expect("an alternate link");
    link[1..].split_once('>').unwrap().0.to_owned()
}

async fn issued(lab: &Lab) -> (Client, String, Vec<u8>, rcgen::KeyPair) {
    let client = Client::registered(lab, Key::p256()).await;
    let (_, chain, key) = client.issue(lab, &["www.example.test"]).await;
    let leaf = certificates(&chain.text)[0].to_vec();
    (client, chain.text, leaf, key)
}

#[tokio::test]
async fn a_chain_is_good_for_its_names_below_its_root_alone() {
    let lab = lab().await;
    for key in [Key::p256(), Key::p384(), Key::rsa()] {
        let client = Client::registered(&lab, key).await;
        let (_, chain, key) = client.issue(&lab, &["example.test", "*.example.test"]).await;
        assert_eq!(chain.header("content-type"), "application/pem-certificate-chain");
        assert_eq!(certificates(&chain.text).len(), 2);
        let [root, other] = [lab.ca.root_pem(), lab.ca.alternate_root_pem()];
        assert!(verifies(&chain.text, root, "example.test") && verifies(&chain.text, root, "any.example.test"));
        assert!(!verifies(&chain.text, root, "a.b.example.test") && !verifies(&chain.text, other, "example.test"));
        let leaf = certificates(&chain.text).remove(0);
        let (_, parsed) = X509Certificate::from_der(&leaf).unwrap();
        assert_eq!(parsed.public_key().subject_public_key.data, rcgen::PublicKeyData::der_bytes(&key));
        let days = parsed.validity().time_to_expiration().unwrap().whole_days();
        assert!((89..=90).contains(&days), "{days}");
    }
}

#[tokio::test]
async fn the_alternate_chain_ends_at_the_other_root() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let (_, chain, _) = client.issue(&lab, &["www.example.test"]).await;
    let other = client.read(&alternate(&chain)).await;
    assert!(verifies(&other.text, lab.ca.alternate_root_pem(), "www.example.test"));
    assert!(!verifies(&other.text, lab.ca.root_pem(), "www.example.test"));
    assert_eq!(certificates(&other.text)[0], certificates(&chain.text)[0]);
    let stranger = Client::registered(&lab, Key::p256()).await;
    assert_eq!(stranger.read(&alternate(&chain)).await.problem(), "unauthorized");
}

#[tokio::test]
async fn the_certificates_own_key_revokes_it_once() {
    let lab = lab().await;
    let (_, _, leaf, key) = issued(&lab).await;
    let revocation = json!({"certificate": BASE64URL_NOPAD.encode(&leaf), "reason": 1});
    let stranger = Client::new(&lab, Key::p256()).await;
    assert_eq!(stranger.post("revokeCert", revocation.clone()).await.problem(), "unauthorized");
    let holder = Client::new(&lab, Key::from_pkcs8(&key.serialize_der())).await;
    assert_eq!(holder.post("revokeCert", revocation.clone()).await.status, 200);
    assert_eq!(holder.post("revokeCert", revocation).await.problem(), "alreadyRevoked");
    assert_eq!(lab.ca.certificates()[0].revocation_reason, Some(1));
}

#[tokio::test]
async fn an_account_revokes_what_it_holds_or_is_authorized_for() {
    let lab = lab().await;
    let (client, _, leaf, _) = issued(&lab).await;
    let certificate = BASE64URL_NOPAD.encode(&leaf);
    let bad = json!({"certificate": certificate, "reason": 7});
    assert_eq!(client.post("revokeCert", bad).await.problem(), "badRevocationReason");
    let other = Client::registered(&lab, Key::p256()).await;
    assert_eq!(other.post("revokeCert", json!({"certificate": certificate})).await.problem(), "unauthorized");
    lab.dns
        .store()
        .remove("example.test", |entry| entry.record.record_type() == hickory_proto::rr::RecordType::TXT)
        .unwrap();
    other.answer(&lab, &other.order(&["www.example.test"]).await.json(), Publish::Right).await;
    assert_eq!(other.post("revokeCert", json!({"certificate": certificate})).await.status, 200);
    assert_eq!(lab.ca.certificates()[0].revocation_reason, Some(0));
}

/// RFC 9773 section 4.1, from the certificate alone.
fn renewal_id(leaf: &[u8]) -> String {
    let (_, parsed) = X509Certificate::from_der(leaf).unwrap();
    let aki = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(aki) => aki.key_identifier.clone(),
        _ => None,
    });
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    format!("{}.{}", text(aki.unwrap().0), text(parsed.raw_serial()))
}

async fn window(client: &Client, leaf: &[u8]) -> (OffsetDateTime, OffsetDateTime, String) {
    let url = format!("{}/{}", client.url("renewalInfo"), renewal_id(leaf));
    let reply = client.http.get(url).send().await.unwrap();
    let retry_after = reply.headers()["retry-after"].to_str().unwrap().to_owned();
    let value: serde_json::Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    let time = |end: &str| OffsetDateTime::parse(value["suggestedWindow"][end].as_str().unwrap(), &Rfc3339).unwrap();
    (time("start"), time("end"), retry_after)
}

#[tokio::test]
async fn renewal_is_suggested_late_in_the_lifetime_or_now() {
    let lab = lab().await;
    let (client, _, leaf, _) = issued(&lab).await;
    let now = OffsetDateTime::now_utc();
    let (start, end, retry_after) = window(&client, &leaf).await;
    assert!(start < end && (59..61).contains(&(start - now).whole_days()), "{start}");
    assert_eq!(retry_after, "21600");
    lab.ca.renew_everything_now();
    assert!(window(&client, &leaf).await.1 < now);
    let unknown = client.http.get(format!("{}/AAAA.BBBB", client.url("renewalInfo"))).send().await.unwrap();
    assert_eq!(unknown.status().as_u16(), 404);
}

#[tokio::test]
async fn a_certificate_is_replaced_once() {
    let lab = lab_with(CaOptions { reuse_authorizations: true, ..options() }).await;
    let (client, _, leaf, _) = issued(&lab).await;
    let names = crate::client::identifiers(&["www.example.test"]);
    let renewal = json!({"identifiers": names, "replaces": renewal_id(&leaf)});
    let reply = client.post("newOrder", renewal.clone()).await;
    assert_eq!(reply.json()["replaces"], renewal_id(&leaf));
    let key = rcgen::KeyPair::generate().unwrap();
    client.finalize(&reply.json(), &["www.example.test"], &key).await;
    client.settled(reply.header("location"), &["processing"]).await;
    let again = client.post("newOrder", renewal).await;
    assert_eq!((again.status, again.problem().as_str()), (409, "alreadyReplaced"));
    let unknown = json!({"identifiers": names, "replaces": "AAAA.BBBB"});
    assert_eq!(client.post("newOrder", unknown).await.problem(), "malformed");
}

#[tokio::test]
async fn a_profile_and_not_after_shorten_the_lifetime() {
    let lab = lab_with(CaOptions { reuse_authorizations: true, ..options() }).await;
    let (client, ..) = issued(&lab).await;
    assert!(client.directory["meta"]["profiles"]["shortlived"].is_string());
    let soon = OffsetDateTime::now_utc() + time::Duration::days(2);
    for (member, value, days) in [
        ("profile", json!("shortlived"), 5),
        ("notAfter", json!(soon.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()), 1),
    ] {
        let reply = client
            .post("newOrder", json!({"identifiers": crate::client::identifiers(&["www.example.test"]), member: value}))
            .await;
        let key = rcgen::KeyPair::generate().unwrap();
        client.finalize(&reply.json(), &["www.example.test"], &key).await;
        let order = client.settled(reply.header("location"), &["processing"]).await;
        assert_eq!(order[member], value);
        let chain = client.read(order["certificate"].as_str().unwrap()).await;
        let leaf = certificates(&chain.text).remove(0);
        let (_, parsed) = X509Certificate::from_der(&leaf).unwrap();
        assert_eq!(parsed.validity().time_to_expiration().unwrap().whole_days(), days);
    }
    let unknown = json!({"identifiers": crate::client::identifiers(&["www.example.test"]), "profile": "other"});
    assert_eq!(client.post("newOrder", unknown).await.problem(), "invalidProfile");
}
