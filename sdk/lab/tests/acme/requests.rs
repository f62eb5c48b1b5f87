//! What every request must have (RFC 8555 section 6), and what goes wrong on request.

use acmite_lab::ca::{CaOptions, Endpoint, Fault};
use serde_json::json;

use crate::client::{Client, Key, jws};
use crate::{lab, lab_with, options};

const NEW: &str = "newAccount";

#[tokio::test]
async fn a_nonce_is_good_for_one_request() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let draft = client.draft(NEW, Some(&json!({"termsOfServiceAgreed": true}))).await;
    assert_eq!(client.send(NEW, &draft).await.status, 201);
    let again = client.send(NEW, &draft).await;
    assert_eq!((again.status, again.problem().as_str()), (400, "badNonce"));
    assert!(!again.header("replay-nonce").is_empty());
}

#[tokio::test]
async fn an_invented_nonce_is_bad() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let mut draft = client.draft(NEW, Some(&json!({}))).await;
    draft.header["nonce"] = json!("aW52ZW50ZWQ");
    assert_eq!(client.send(NEW, &draft).await.problem(), "badNonce");
}

#[tokio::test]
async fn the_url_that_was_signed_must_be_the_one_asked() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let mut draft = client.draft(NEW, Some(&json!({}))).await;
    let right = draft.header["url"].as_str().unwrap().to_owned();
    for wrong in [client.url("newOrder"), format!("{right}/"), right.replace("https://", "http://")] {
        draft.header["nonce"] = json!(client.nonce().await);
        draft.header["url"] = json!(wrong);
        let reply = client.send(NEW, &draft).await;
        assert_eq!((reply.status, reply.problem().as_str()), (403, "unauthorized"), "{wrong}");
    }
}

#[tokio::test]
async fn the_ca_is_also_localhost() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let local = client.url(NEW).replace("127.0.0.1", "localhost");
    let reply = client.post(&local, json!({"termsOfServiceAgreed": true})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let kid = Some(reply.header("location").replace("127.0.0.1", "localhost"));
    let client = Client { kid, ..client };
    assert_eq!(client.order(&["example.test"]).await.status, 201);
}

#[tokio::test]
async fn another_keys_signature_is_refused() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let draft = client.draft("newOrder", Some(&json!({}))).await;
    let reply = client.send_signed_by(&Key::p256(), "newOrder", &draft).await;
    assert_eq!((reply.status, reply.problem().as_str()), (400, "malformed"));
    assert!(reply.text.contains("signature"));
}

#[tokio::test]
async fn kid_and_jwk_stand_where_they_belong() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    for (what, kid, jwk, problem) in [
        ("newOrder", false, true, "malformed"),
        ("newOrder", true, true, "malformed"),
        ("newOrder", false, false, "malformed"),
        ("newAccount", true, false, "malformed"),
    ] {
        let mut draft = client.draft(what, Some(&json!({}))).await;
        let header = draft.header.as_object_mut().unwrap();
        header.retain(|member, _| kid || member != "kid");
        if jwk {
            header.insert("jwk".to_owned(), client.key.jwk());
        }
        assert_eq!(client.send(what, &draft).await.problem(), problem, "{what} {kid} {jwk}");
    }
    let mut draft = client.draft("newOrder", Some(&json!({}))).await;
    draft.header["kid"] = json!(format!("{}x", client.kid.clone().unwrap()));
    assert_eq!(client.send("newOrder", &draft).await.problem(), "accountDoesNotExist");
}

#[tokio::test]
async fn another_content_type_or_algorithm_is_refused() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let mut draft = client.draft(NEW, Some(&json!({}))).await;
    draft.content_type = "application/json";
    assert_eq!(client.send(NEW, &draft).await.status, 415);
    let mut draft = client.draft(NEW, Some(&json!({}))).await;
    draft.header["alg"] = json!("HS256");
    let reply = client.send(NEW, &draft).await;
    assert_eq!(reply.problem(), "badSignatureAlgorithm");
    assert_eq!(reply.json()["algorithms"], json!(["ES256", "ES384", "RS256"]));
}

#[tokio::test]
async fn an_unprotected_header_is_refused() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    let draft = client.draft(NEW, Some(&json!({}))).await;
    let mut body = jws(&client.key, &draft.header, &draft.payload);
    body["header"] = json!({"kid": "x"});
    assert_eq!(client.send_raw(NEW, "application/jose+json", body.to_string()).await.problem(), "malformed");
}

#[tokio::test]
async fn resources_are_not_read_by_plain_get() {
    let lab = lab().await;
    let client = Client::registered(&lab, Key::p256()).await;
    let reply = client.http.get(client.kid.clone().unwrap()).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 405);
    let fresh = client.http.get(client.url("newNonce")).send().await.unwrap();
    assert_eq!((fresh.status().as_u16(), fresh.headers()["cache-control"].as_bytes()), (204, &b"no-store"[..]));
}

#[tokio::test]
async fn with_all_nonces_refused_every_post_is_a_bad_nonce() {
    let lab = lab_with(CaOptions { refused_nonces_percent: 100, ..options() }).await;
    let client = Client::new(&lab, Key::p256()).await;
    for _ in 0..3 {
        assert_eq!(client.post(NEW, json!({})).await.problem(), "badNonce");
    }
}

#[tokio::test]
async fn faults_meet_their_endpoint_and_are_logged() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    lab.ca.fail_next(1, Some(Endpoint::NewAccount), &Fault::Status { status: 429, retry_after: Some(9) });
    lab.ca.fail_next(1, Some(Endpoint::NewAccount), &Fault::Status { status: 503, retry_after: None });
    lab.ca.fail_next(1, Some(Endpoint::NewAccount), &Fault::BadNonce);
    let limited = client.post(NEW, json!({})).await;
    assert_eq!((limited.status, limited.problem().as_str(), limited.header("retry-after")), (429, "rateLimited", "9"));
    assert_eq!(client.post(NEW, json!({})).await.problem(), "serverInternal");
    assert_eq!(client.post(NEW, json!({})).await.problem(), "badNonce");
    let log = lab.ca.requests();
    let asked = log.iter().filter(|request| request.endpoint == Endpoint::NewAccount);
    assert_eq!(asked.map(|request| request.status).collect::<Vec<_>>(), [429, 503, 400]);
}

#[tokio::test]
async fn a_dropped_request_has_no_answer_and_one_dropped_after_took_effect() {
    let lab = lab().await;
    let client = Client::new(&lab, Key::p256()).await;
    for (fault, accounts) in [(Fault::Drop, 0), (Fault::DropAfter, 1)] {
        lab.ca.fail_next(1, Some(Endpoint::NewAccount), &fault);
        let draft = client.draft(NEW, Some(&json!({"termsOfServiceAgreed": true}))).await;
        let body = jws(&client.key, &draft.header, &draft.payload).to_string();
        let request = client.http.post(client.url(NEW)).header("content-type", "application/jose+json").body(body);
        assert!(request.send().await.is_err());
        let found = client.post(NEW, json!({"onlyReturnExisting": true})).await;
        assert_eq!(found.status == 200, accounts == 1, "{fault:?}: {}", found.text);
    }
}

#[test]
fn a_lab_serves_synchronous_code_and_is_gone_after_drop() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lab = runtime.block_on(lab());
    let client = runtime.block_on(Client::new(&lab, Key::p256()));
    let (directory, dns) = (lab.description().directory_url, lab.dns.resolver_addr());
    drop(lab);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    // Tasks end at their next turn.
    while runtime.block_on(client.http.get(&directory).send()).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the CA still answers, on a connection kept open");
    }
    while std::net::TcpStream::connect(dns).is_ok() {
        assert!(std::time::Instant::now() < deadline, "the name server still listens");
    }
}
