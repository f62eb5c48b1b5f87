//! Orders, authorizations and challenges (RFC 8555 sections 7.4, 7.5 and 8.4).

use acmite_lab::ca::CaOptions;
use acmite_lab::dns::{Behaviour, Mood};
use hickory_proto::rr::RecordType;
use serde_json::json;

use crate::client::{Client, Key, Publish, identifiers};
use crate::{lab, lab_with, options};

#[tokio::test]
async fn a_wildcard_and_its_apex_are_two_authorizations_of_one_name() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let reply = client.order(&["example.test", "*.example.test"]).await;
    let order = reply.json();
    assert_eq!((reply.status, &order["status"]), (201, &json!("pending")));
    let mut wildcards = Vec::new();
    for url in order["authorizations"].as_array().unwrap() {
        let authorization = client.read(url.as_str().unwrap()).await.json();
        assert_eq!(authorization["identifier"], json!({"type": "dns", "value": "example.test"}));
        wildcards.push(authorization["wildcard"] == true);
    }
    wildcards.sort_unstable();
    assert_eq!(wildcards, [false, true]);
    let listed = client.read(client.read(client.kid.as_ref().unwrap()).await.json()["orders"].as_str().unwrap()).await;
    assert_eq!(listed.json()["orders"], json!([reply.header("location")]));
}

#[tokio::test]
async fn names_the_ca_does_not_issue_for_are_subproblems() {
    let lab = lab_with(CaOptions { rejected_domains: vec!["bank.test".to_owned()], ..options() }).await;
    let client = Client::registered(&lab, Key::p256()).await;
    let reply = client.order(&["example.test", "www.bank.test", "bank.test"]).await;
    assert_eq!((reply.status, reply.problem().as_str()), (403, "rejectedIdentifier"));
    let named: Vec<_> =
        reply.json()["subproblems"].as_array().unwrap().iter().map(|p| p["identifier"].clone()).collect();
    assert_eq!(json!(named), identifiers(&["www.bank.test", "bank.test"]));
    for bad in ["nodots", "under_score.test", "a.*.test", "trailing.test."] {
        assert_eq!(client.order(&[bad]).await.problem(), "malformed", "{bad}");
    }
    let address = json!({"identifiers": [{"type": "ip", "value": "127.0.0.1"}]});
    assert_eq!(client.post("newOrder", address).await.problem(), "unsupportedIdentifier");
    assert_eq!(client.order(&[]).await.problem(), "malformed");
}

#[tokio::test]
async fn a_wrong_or_missing_txt_record_makes_authorization_and_order_invalid() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    for (name, publish, problem) in
        [("a.example.test", Publish::Nothing, "dns"), ("b.example.test", Publish::Wrong, "unauthorized")]
    {
        let reply = client.order(&[name]).await;
        let authorizations = client.answer(&lab, &reply.json(), publish).await;
        assert_eq!(authorizations[0]["status"], "invalid");
        let error = &authorizations[0]["challenges"][0]["error"];
        assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{problem}"), "{error}");
        let order = client.read(reply.header("location")).await.json();
        assert_eq!(
            (&order["status"], &order["error"]["subproblems"][0]["identifier"]["value"]),
            (&json!("invalid"), &json!(name))
        );
        let key = rcgen::KeyPair::generate().unwrap();
        let refused = client.finalize(&reply.json(), &[name], &key).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "orderNotReady"));
    }
}

#[tokio::test]
async fn every_name_server_must_show_the_value() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    lab.dns.set_behaviour(1, Behaviour { frozen_at: Some(std::time::Instant::now()), ..Behaviour::default() });
    let late = client.answer(&lab, &client.order(&["a.example.test"]).await.json(), Publish::Right).await;
    assert_eq!(late[0]["status"], "invalid");
    lab.dns.set_behaviour(1, Behaviour { mood: Mood::Refuses, ..Behaviour::default() });
    let refused = client.answer(&lab, &client.order(&["b.example.test"]).await.json(), Publish::Right).await;
    assert!(refused[0]["challenges"][0]["error"]["detail"].as_str().unwrap().contains("127.0.0.2"));
}

#[tokio::test]
async fn a_ca_without_name_servers_to_ask_validates_nothing() {
    let builder = acmite_lab::Lab::builder().zone("example.test").ca(options()).validate_at(Vec::new());
    let lab = builder.start().await.expect("a lab");
    let client = Client::registered(&lab, Key::p256()).await;
    let settled = client.answer(&lab, &client.order(&["example.test"]).await.json(), Publish::Right).await;
    assert_eq!(settled[0]["status"], "invalid");
}

#[tokio::test]
async fn an_alias_of_the_challenge_name_is_followed() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let order = client.order(&["www.example.test"]).await.json();
    let authorization = client.read(order["authorizations"][0].as_str().unwrap()).await.json();
    let challenge = &authorization["challenges"][0];
    let value = client.key.txt_value(challenge["token"].as_str().unwrap());
    let store = lab.dns.store();
    let add = |owner, kind, value: &str| store.add("example.test", owner, kind, 60, value).unwrap();
    add("_acme-challenge.www.example.test", RecordType::CNAME, "first.example.test.");
    add("first.example.test", RecordType::CNAME, "second.example.test.");
    add("second.example.test", RecordType::TXT, &value);
    client.post(challenge["url"].as_str().unwrap(), json!({})).await;
    let settled = client.settled(order["authorizations"][0].as_str().unwrap(), &["pending"]).await;
    assert_eq!(settled["status"], "valid", "{settled}");
}

#[tokio::test]
async fn another_account_sees_nothing_of_an_order() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let other = Client::registered(&lab, Key::p256()).await;
    let reply = client.order(&["example.test"]).await;
    let authorization = reply.json()["authorizations"][0].as_str().unwrap().to_owned();
    for url in [reply.header("location"), &authorization] {
        assert_eq!(other.read(url).await.problem(), "unauthorized");
    }
}

#[tokio::test]
async fn a_csr_must_be_for_the_orders_names_and_a_key_of_its_own() {
    let lab = lab().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let client = Client::registered(&lab, Key::from_pkcs8(&key.serialize_der())).await;
    let reply = client.order(&["a.example.test", "b.example.test"]).await;
    client.answer(&lab, &reply.json(), Publish::Right).await;
    let other = rcgen::KeyPair::generate().unwrap();
    for (names, csr_key) in [
        (&["a.example.test"][..], &other),
        (&["a.example.test", "b.example.test", "c.example.test"], &other),
        (&["a.example.test", "b.example.test"], &key),
    ] {
        assert_eq!(client.finalize(&reply.json(), names, csr_key).await.problem(), "badCSR", "{names:?}");
    }
    let mut der = data_encoding::BASE64URL_NOPAD
        .decode(crate::client::csr(&["a.example.test", "b.example.test"], &other).as_bytes())
        .unwrap();
    *der.last_mut().unwrap() ^= 1;
    let forged = json!({"csr": data_encoding::BASE64URL_NOPAD.encode(&der)});
    let url = reply.json()["finalize"].as_str().unwrap().to_owned();
    assert_eq!(client.post(&url, forged).await.problem(), "badCSR");
    assert_eq!(client.read(reply.header("location")).await.json()["status"], "ready");
}

#[tokio::test]
async fn a_deactivated_authorization_ends_its_order() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let reply = client.order(&["example.test"]).await;
    let url = reply.json()["authorizations"][0].as_str().unwrap().to_owned();
    assert_eq!(client.post(&url, json!({"status": "deactivated"})).await.json()["status"], "deactivated");
    assert_eq!(client.read(reply.header("location")).await.json()["status"], "invalid");
}

#[tokio::test]
async fn retry_after_stands_on_what_is_processing() {
    let lab = lab_with(CaOptions { retry_after: std::time::Duration::from_secs(3), ..options() }).await;
    let client = Client::registered(&lab, Key::p256()).await;
    let order = client.order(&["example.test"]).await.json();
    let authorization = client.read(order["authorizations"][0].as_str().unwrap()).await.json();
    for position in 0..2 {
        lab.dns.set_behaviour(position, Behaviour { mood: Mood::Silent, ..Behaviour::default() });
    }
    let answered = client.post(authorization["challenges"][0]["url"].as_str().unwrap(), json!({})).await;
    assert_eq!((&answered.json()["status"], answered.header("retry-after")), (&json!("processing"), "3"));
}

#[tokio::test]
async fn authorizations_are_reused_when_the_lab_is_told_so() {
    let lab = lab_with(CaOptions { reuse_authorizations: true, ..options() }).await;
    let client = Client::registered(&lab, Key::p256()).await;
    client.answer(&lab, &client.order(&["example.test"]).await.json(), Publish::Right).await;
    assert_eq!(client.order(&["example.test"]).await.json()["status"], "ready");
    assert_eq!(client.order(&["*.example.test"]).await.json()["status"], "pending");
}
