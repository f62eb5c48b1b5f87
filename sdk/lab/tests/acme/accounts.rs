//! Accounts (RFC 8555 section 7.3).

use acmite_lab::ca::{CaOptions, ExternalAccount};
use serde_json::json;

use crate::client::{Client, Key, binding, jws};
use crate::{lab, lab_with, options};

#[tokio::test]
async fn an_account_is_made_once_for_each_type_of_key() {
    let lab = lab().await;
    for key in [Key::p256(), Key::p384(), Key::rsa()] {
        let client = Client::new(&lab, key).await;
        let absent = client.post("newAccount", json!({"onlyReturnExisting": true})).await;
        assert_eq!((absent.status, absent.problem().as_str()), (400, "accountDoesNotExist"));
        let contact = json!(["mailto:admin@example.test"]);
        let made = client.post("newAccount", json!({"termsOfServiceAgreed": true, "contact": contact})).await;
        assert_eq!((made.status, &made.json()["contact"]), (201, &contact));
        let found = client.post("newAccount", json!({})).await;
        assert_eq!((found.status, found.header("location")), (200, made.header("location")));
    }
}

#[tokio::test]
async fn terms_are_to_be_agreed_to() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let terms = client.directory["meta"]["termsOfService"].as_str().unwrap();
    let reply = client.post("newAccount", json!({})).await;
    assert_eq!((reply.status, reply.problem().as_str()), (403, "userActionRequired"));
    assert_eq!(reply.json()["instance"], terms);
}

#[tokio::test]
async fn contacts_are_checked_changed_and_kept() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let url = client.kid.clone().unwrap();
    for (contact, problem) in [("tel:+4912345", "unsupportedContact"), ("mailto:nobody", "invalidContact")] {
        assert_eq!(client.post(&url, json!({"contact": [contact]})).await.problem(), problem);
    }
    client.post(&url, json!({"contact": ["mailto:new@example.test"]})).await;
    assert_eq!(client.read(&url).await.json()["contact"], json!(["mailto:new@example.test"]));
}

#[tokio::test]
async fn a_deactivated_account_can_do_nothing_more() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let url = client.kid.clone().unwrap();
    assert_eq!(client.post(&url, json!({"status": "deactivated"})).await.json()["status"], "deactivated");
    let reply = client.order(&["example.test"]).await;
    assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn a_key_is_changed_and_the_old_one_refused() {
    let lab = lab().await;
    let mut client = Client::registered(&lab, Key::p256()).await;
    let (url, new) = (client.url("keyChange"), Key::p384());
    let inner = |key: &Key, account: &str| {
        let claim = json!({"account": account, "oldKey": client.key.jwk()});
        jws(key, &json!({"alg": "ES384", "jwk": new.jwk(), "url": url}), &claim.to_string())
    };
    let kid = client.kid.clone().unwrap();
    assert_eq!(client.post(&url, inner(&new, "https://other.test/account/1")).await.problem(), "malformed");
    assert_eq!(client.post(&url, inner(&Key::p384(), &kid)).await.problem(), "malformed");
    let changed = client.post(&url, inner(&new, &kid)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(client.read(&kid).await.problem(), "malformed");
    client.key = new;
    assert_eq!(client.read(&kid).await.status, 200);
}

#[tokio::test]
async fn a_key_of_another_account_is_a_conflict() {
    let lab = lab().await;
    let other = Client::registered(&lab, Key::p256()).await;
    let client = Client::registered(&lab, Key::p256()).await;
    let (url, kid) = (client.url("keyChange"), client.kid.clone().unwrap());
    let claim = json!({"account": kid, "oldKey": client.key.jwk()}).to_string();
    let inner = jws(&other.key, &json!({"alg": "ES256", "jwk": other.key.jwk(), "url": url}), &claim);
    let reply = client.post(&url, inner).await;
    assert_eq!((reply.status, reply.header("location")), (409, other.kid.as_deref().unwrap()));
}

#[tokio::test]
async fn an_external_account_is_needed_and_its_mac_is_checked() {
    let external = ExternalAccount { key_id: "kid-1".to_owned(), mac_key: vec![7; 32] };
    let lab = lab_with(CaOptions { external_accounts: vec![external], ..options() }).await;
    let client = Client::new(&lab, Key::p256()).await;
    assert_eq!(client.directory["meta"]["externalAccountRequired"], true);
    let register = |binding| json!({"termsOfServiceAgreed": true, "externalAccountBinding": binding});
    let (url, jwk) = (client.url("newAccount"), client.key.jwk());
    let missing = client.post("newAccount", json!({"termsOfServiceAgreed": true})).await;
    assert_eq!((missing.status, missing.problem().as_str()), (403, "externalAccountRequired"));
    for (key_id, mac_key, bound, problem) in [
        ("kid-1", 8, &jwk, "unauthorized"),
        ("kid-2", 7, &jwk, "unauthorized"),
        ("kid-1", 7, &Key::p256().jwk(), "malformed"),
    ] {
        let reply = client.post("newAccount", register(binding(&url, key_id, &[mac_key; 32], bound))).await;
        assert_eq!(reply.problem(), problem, "{key_id} {mac_key}");
    }
    let elsewhere = client.post("newAccount", register(binding("https://x.test/", "kid-1", &[7; 32], &jwk))).await;
    assert_eq!(elsewhere.problem(), "malformed");
    assert_eq!(client.post("newAccount", register(binding(&url, "kid-1", &[7; 32], &jwk))).await.status, 201);
}
