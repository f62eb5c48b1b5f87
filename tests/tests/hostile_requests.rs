//! Paths, queries, headers and bodies that would say something else than the manifest.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite_tests::hostile::{Attack, Captured, NAME, Peer, VALUE};
use serde_json::{Value, json};

fn zones_then(step: &Value) -> Value {
    json!([{"send": {"endpoint": "zones"}}, step])
}

fn api() -> Peer {
    Peer::answering(|request| {
        let zones = r#"{"zones":[{"id":"z1","name":"example.test"}]}"#.to_owned();
        ("200 OK".into(), if request.starts_with("GET /v1/zones ") { zones } else { "{}".into() })
    })
}

/// The rule that refuses a request under the honest manifest and under the attacker's; the peer sees nothing of it.
async fn refused(step: Value) -> [String; 2] {
    let mut rules = Vec::new();
    for wild in [false, true] {
        let (peer, captured) = (api(), Captured::start());
        let attack = Attack::script(&zones_then(&step));
        let attack = if wild { attack.wild() } else { attack };
        let given = attack.against(&peer.url).given().await;
        rules.push(Attack::rule(&given).to_owned());
        assert_eq!(peer.requests().len(), 1, "{:?}", peer.requests());
        captured.assert_no_canary(&Value::from(given).to_string());
    }
    rules.try_into().unwrap()
}

/// The first line and headers that the peer saw of the last request.
async fn sent(attack: Attack) -> String {
    let peer = api();
    let given = attack.against(&peer.url).given().await;
    assert!(given.last().unwrap()["status"].is_number(), "{given:?}");
    peer.requests().pop().unwrap()
}

#[tokio::test]
async fn a_path_variable_is_one_plain_segment() {
    for value in ["..", ".", "", "a/b", "a\\b", "a\0b", "a\r\nb", "/", "../../x", "http://evil.example/x"] {
        for rule in refused(json!({"send": {"endpoint": "records", "path": [["zone", value]]}})).await {
            assert!(rule.contains("\"zone\" is not one plain segment"), "{value:?}: {rule}");
        }
    }
    for (path, expected) in [
        (json!([["zone", "z1"], ["zone", "z2"]]), "given twice"),
        (json!([["zone", "z1"], ["record", "x"]]), "no variable \"record\""),
    ] {
        for rule in refused(json!({"send": {"endpoint": "records", "path": path}})).await {
            assert!(rule.contains(expected), "{rule}");
        }
    }
    refused(json!({"send": {"endpoint": "records", "path": []}})).await;
    let plain = json!({"send": {"endpoint": "records", "path": [["zone", "z1"]]}});
    assert!(sent(Attack::script(&zones_then(&plain))).await.starts_with("GET /v1/zones/z1/records HTTP/1.1\r\n"));
}

#[tokio::test]
async fn what_is_encoded_already_is_encoded_again() {
    for (value, line) in [
        ("%2e%2e", "/v1/zones/%252e%252e/records"),
        ("..%2f..", "/v1/zones/..%252f../records"),
        ("a?b#c;d", "/v1/zones/a%3Fb%23c%3Bd/records"),
        ("\u{ff0e}\u{ff0e}", "/v1/zones/%EF%BC%8E%EF%BC%8E/records"),
        ("\u{2025}\u{2215}", "/v1/zones/%E2%80%A5%E2%88%95/records"),
        ("a b", "/v1/zones/a%20b/records"),
    ] {
        let step = json!({"send": {"endpoint": "records", "path": [["zone", value]]}});
        let request = sent(Attack::script(&json!([step])).wild()).await;
        assert!(request.starts_with(&format!("GET {line} HTTP/1.1\r\n")), "{request}");
        let honest = Attack::script(&zones_then(&step)).against(&api().url).given().await;
        assert!(Attack::rule(&honest).contains("not shown to be"), "{honest:?}");
    }
}

#[tokio::test]
async fn headers_are_those_listed_once_and_on_one_line() {
    let create = |headers: Value| {
        let body = json!({"type": "TXT", "name": NAME, "content": VALUE, "ttl": 60}).to_string();
        json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "headers": headers, "body": body}})
    };
    for value in ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "\u{7f}"] {
        for rule in refused(create(json!([["x-note", value]]))).await {
            assert!(rule.contains("x-note"), "{value:?}: {rule}");
        }
    }
    for (headers, expected) in [
        (json!([["x-note", "a"], ["X-Note", "b"]]), "given twice"),
        (json!([["x-note", "a"], ["x-note", "a"]]), "given twice"),
        (json!([["host", "evil.example"]]), "not listed"),
        (json!([["content-length", "0"]]), "not listed"),
        (json!([["transfer-encoding", "chunked"]]), "not listed"),
        (json!([["cookie", "a=b"]]), "not listed"),
        (json!([["X-HTTP-Method-Override", "DELETE"]]), "not listed"),
        (json!([["x-note\r\nx-evil", "a"]]), "not listed"),
        (json!([["", "a"]]), "not listed"),
        (json!([["x-note ", "a"]]), "not listed"),
    ] {
        for rule in refused(create(headers.clone())).await {
            assert!(rule.contains(expected), "{headers}: {rule}");
        }
    }
    let request = sent(Attack::script(&zones_then(&create(json!([["X-Note", "a"]]))))).await;
    assert!(request.contains("\r\nx-note: a\r\n"), "{request}");
    // With the header on the list it goes out, so that it is the list that held it back.
    let other = create(json!([["x-other", "a"]]));
    assert!(
        Attack::rule(&Attack::script(&zones_then(&other)).against(&api().url).given().await).contains("not listed")
    );
    let listed = Attack::script(&zones_then(&other)).replacing("[\"x-note\"]", "[\"x-other\"]");
    assert!(sent(listed).await.contains("\r\nx-other: a\r\n"));
}

#[tokio::test]
async fn the_hosts_own_headers_and_the_secrets_place_are_not_the_guests() {
    let step = json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "headers": [["authorization", "Bearer mine"]]}});
    let given = Attack::script(&zones_then(&step)).against(&api().url).given().await;
    assert!(Attack::rule(&given).contains("authorization"), "{given:?}");
    // Where the manifest lists it and puts no secret there, it is the guest's.
    let free = json!([{"send": {"endpoint": "zones", "headers": [["authorization", "Bearer mine"]]}}]);
    assert!(sent(Attack::script(&free).wild()).await.contains("\r\nauthorization: Bearer mine\r\n"));
    for header in [
        "host",
        "Content-Length",
        "cookie",
        "x-http-method-override",
        "X-Method",
        "proxy-authorization",
        "expect",
        "te",
    ] {
        let said = Attack::new("nothing").wild().replacing("x-other", header).provider().err().unwrap();
        assert!(said.contains("the host's own or changes what a request does"), "{header}: {said}");
    }
}

#[tokio::test]
async fn the_query_is_what_is_listed_once_and_encoded() {
    for (query, expected) in [
        (json!([["_method", "DELETE"]]), "not listed"),
        (json!([["name", "a"], ["name", "b"]]), "given twice"),
        (json!([["Name", "a"]]), "not listed"),
        (json!([["name[]", "a"]]), "not listed"),
        (json!([["name&x", "a"]]), "not listed"),
    ] {
        for rule in refused(json!({"send": {"endpoint": "zones", "query": query}})).await {
            assert!(rule.contains(expected), "{query}: {rule}");
        }
    }
    let other = json!([{"send": {"endpoint": "zones", "query": [["other", "a"]]}}]);
    assert!(Attack::rule(&Attack::script(&other).against(&api().url).given().await).contains("not listed"));
    let listed = Attack::script(&other).replacing("query = [\"name\"]", "query = [\"other\"]");
    assert!(sent(listed).await.starts_with("GET /v1/zones?other=a HTTP/1.1\r\n"));
    let step = json!({"send": {"endpoint": "zones", "query": [["name", "a&_method=DELETE#x\r\n\u{0} ?"]]}});
    let request = sent(Attack::script(&json!([step]))).await;
    assert!(
        request.starts_with("GET /v1/zones?name=a%26_method%3DDELETE%23x%0D%0A%00%20%3F HTTP/1.1\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let ours = format!("\"type\":\"TXT\",\"name\":\"{NAME}\",\"content\":\"{VALUE}\",\"ttl\":60");
    for body in [
        format!("{{{ours},\"name\":\"www.example.test\"}}"),
        format!("{{{ours},\"Name\":\"www.example.test\"}}"),
        format!("{{{ours},\"na\\u006de\":\"www.example.test\"}}"),
        format!("{{{ours}}}{{\"name\":\"www.example.test\"}}"),
        format!("{{{ours}}} trailing"),
        format!("[{{{ours}}}]"),
        format!("{{{ours},\"proxied\":true}}"),
        format!("{{{ours},\"ttl\":{{\"a\":1}}}}"),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "name=x&name=y".to_owned(),
        "\u{feff}{}".to_owned(),
        "nul\0".to_owned(),
        String::new(),
    ] {
        refused(json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "body": body}})).await;
    }
    refused(json!({"send": {"endpoint": "delete", "path": [["zone", "z1"], ["record", "r"]], "body": "{}"}})).await;
    refused(json!({"send": {"endpoint": "no-such", "body": "{}"}})).await;
    let giant = format!("{{{ours},\"note\":\"{}\"}}", "x".repeat(2 << 20));
    let step = json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "body": giant}});
    let given = Attack::script(&zones_then(&step)).wild().against(&api().url).given().await;
    assert!(Attack::rule(&given).contains("larger than"), "{given:?}");
    let plain = json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "body": format!("{{{ours}}}")}});
    let request = sent(Attack::script(&zones_then(&plain))).await;
    assert!(request.ends_with(&format!("\r\n\r\n{{{ours}}}")), "the bytes checked are the bytes sent: {request}");
}

#[tokio::test]
async fn one_refused_request_holds_its_whole_batch_back() {
    let peer = api();
    let batch = json!([{"send-all": [{"endpoint": "zones"}, {"endpoint": "no-such"}, {"endpoint": "zones"}]}]);
    for attack in [Attack::script(&batch), Attack::script(&batch).wild()] {
        let given = attack.against(&peer.url).given().await;
        assert!(given[0][1]["refused"].is_string() && given[0][0]["unsent"].is_string(), "{given:?}");
    }
    peer.assert_untouched();
    let honest = json!([{"send-all": [{"endpoint": "zones"}, {"endpoint": "zones"}]}]);
    Attack::script(&honest).against(&peer.url).given().await;
    assert_eq!(peer.requests().len(), 2);
}
