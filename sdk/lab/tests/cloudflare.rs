//! The mock of Cloudflare's API against what Cloudflare documents.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use acmite_lab::Lab;
use serde_json::{Value, json};

async fn lab() -> Lab {
    let zones = ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "hidden.test"];
    let builder = zones.iter().fold(Lab::builder(), |builder, zone| builder.zone(zone));
    builder.tokens("canary-token", "canary-key").cloudflare_zones(&zones[..6]).start().await.expect("a lab")
}

async fn call(lab: &Lab, method: &str, path: &str, authorization: Option<&str>, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}/client/v4{path}", lab.description().cloudflare_url);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.request(method.parse().unwrap(), url);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap())
}

const GOOD: Option<&str> = Some("Bearer canary-token");

async fn zone_id(lab: &Lab, zone: &str) -> String {
    let (_, body) = call(lab, "GET", &format!("/zones?name={zone}"), GOOD, None).await;
    body["result"][0]["id"].as_str().unwrap().to_owned()
}

async fn create(lab: &Lab, zone: &str, name: &str, content: &str) -> (u16, Value) {
    let path = format!("/zones/{}/dns_records", zone_id(lab, zone).await);
    let record = json!({"type": "TXT", "name": name, "content": content, "ttl": 60});
    call(lab, "POST", &path, GOOD, Some(record)).await
}

#[tokio::test]
async fn each_wrong_credential_has_its_code() {
    let lab = lab().await;
    for (authorization, path, status, code) in [
        (None, "/zones", 400, 9106),
        (Some("canary-token"), "/zones", 400, 6003),
        (Some("Bearer wrong"), "/zones", 403, 9109),
        (Some("Bearer wrong"), "/user/tokens/verify", 401, 1000),
    ] {
        let (found, body) = call(&lab, "GET", path, authorization, None).await;
        assert_eq!((found, &body["errors"][0]["code"]), (status, &json!(code)), "{authorization:?} {path}");
    }
    let (_, body) = call(&lab, "GET", "/user/tokens/verify", GOOD, None).await;
    assert_eq!((&body["success"], &body["result"]["status"]), (&json!(true), &json!("active")));
}

#[tokio::test]
async fn a_zone_outside_the_tokens_scope_is_not_listed_and_forbidden() {
    let lab = lab().await;
    let (_, body) = call(&lab, "GET", "/zones?name=hidden.test", GOOD, None).await;
    assert_eq!((&body["result"], &body["result_info"]["total_count"]), (&json!([]), &json!(0)));
    let other = Lab::builder().zone("hidden.test").tokens("canary-token", "key").start().await.unwrap();
    let hidden = zone_id(&other, "hidden.test").await;
    let (status, body) = call(&lab, "GET", &format!("/zones/{hidden}/dns_records"), GOOD, None).await;
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!(10000)));
    let (status, body) = call(&lab, "GET", "/zones/nonsense/dns_records", GOOD, None).await;
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!(7003)));
}

#[tokio::test]
async fn zones_are_paged_within_limits() {
    let lab = lab().await;
    let (_, body) = call(&lab, "GET", "/zones?page=2&per_page=5", GOOD, None).await;
    assert_eq!(body["result"][0]["name"], "f.test");
    let info = json!({"page": 2, "per_page": 5, "count": 1, "total_count": 6, "total_pages": 2});
    assert_eq!(body["result_info"], info);
    for limit in ["4", "51", "x"] {
        assert_eq!(call(&lab, "GET", &format!("/zones?per_page={limit}"), GOOD, None).await.0, 400, "{limit}");
    }
}

#[tokio::test]
async fn content_is_quoted_and_an_identical_record_is_81058_however_it_is_written() {
    let lab = lab().await;
    let (status, body) = create(&lab, "a.test", "_acme-challenge.a.test", "value").await;
    assert_eq!((status, &body["result"]["content"]), (200, &json!("\"value\"")));
    for (name, content) in [("_acme-challenge.a.test", "\"value\""), ("_Acme-Challenge", "value")] {
        let (status, body) = create(&lab, "a.test", name, content).await;
        assert_eq!((status, &body["errors"][0]["code"]), (400, &json!(81058)), "{name} {content}");
    }
    assert_eq!(create(&lab, "a.test", "_acme-challenge.a.test", "other").await.0, 200);
}

#[tokio::test]
async fn records_are_found_by_name_type_and_content() {
    let lab = lab().await;
    create(&lab, "a.test", "_acme-challenge.a.test", "one").await;
    create(&lab, "a.test", "_acme-challenge.a.test", "two").await;
    create(&lab, "a.test", "other.a.test", "one").await;
    let id = zone_id(&lab, "a.test").await;
    for (query, count) in [
        ("type=TXT", 3),
        ("type=TXT&name=_acme-challenge.a.test", 2),
        ("name.exact=_acme-challenge.a.test&content.exact=one", 1),
        ("type=TXT&name.startswith=other", 1),
        ("content=%22two%22", 1),
        ("type=CNAME", 0),
        ("type=NS", 1),
    ] {
        let (_, body) = call(&lab, "GET", &format!("/zones/{id}/dns_records?{query}"), GOOD, None).await;
        assert_eq!(body["result_info"]["total_count"], count, "{query}");
    }
}

#[tokio::test]
async fn a_record_is_read_and_deleted_by_its_id_once() {
    let lab = lab().await;
    let (_, body) = create(&lab, "a.test", "_acme-challenge", "one").await;
    let record = body["result"].clone();
    assert_eq!((&record["name"], &record["zone_name"]), (&json!("_acme-challenge.a.test"), &json!("a.test")));
    let path = format!("/zones/{}/dns_records/{}", record["zone_id"].as_str().unwrap(), record["id"].as_str().unwrap());
    assert_eq!(call(&lab, "GET", &path, GOOD, None).await.1["result"], record);
    assert_eq!(call(&lab, "DELETE", &path, GOOD, None).await.1["result"], json!({"id": record["id"]}));
    let (status, body) = call(&lab, "DELETE", &path, GOOD, None).await;
    assert_eq!((status, &body["errors"][0]["code"]), (404, &json!(81044)));
}

#[tokio::test]
async fn other_types_and_bad_times_to_live_are_refused() {
    let lab = lab().await;
    let path = format!("/zones/{}/dns_records", zone_id(&lab, "a.test").await);
    for record in [
        json!({"type": "A", "name": "a.test", "content": "127.0.0.1", "ttl": 60}),
        json!({"type": "TXT", "name": "a.test", "content": "x", "ttl": 59}),
        json!({"type": "TXT", "name": "a.test", "ttl": 60}),
    ] {
        assert_eq!(call(&lab, "POST", &path, GOOD, Some(record.clone())).await.0, 400, "{record}");
    }
}
