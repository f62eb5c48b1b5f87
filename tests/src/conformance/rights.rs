//! A credential that is accepted and may not do what is asked: told from one that is not accepted, and from a zone that
//! is not there.
#![expect(missing_docs, reason = "the name of a case says what it holds a provider to")]

use acmite::plugin::told::ErrorKind;
use acmite_lab::api::{Reply, Request};
use serde_json::{Value, json};

use crate::conformance::adapters::{Adapter, Back, Rules};
use crate::conformance::bench::{Bench, Credential, Zone, record, told, zone};

pub async fn check_tells_of_a_right_that_is_missing(adapter: &Adapter) {
    let bench = lacking(adapter, |_| true).await;
    let told = told(bench.provider.check(Some(&zone("example.test"))).await);
    assert_eq!(told.kind, ErrorKind::Forbidden, "{told}");
    assert!(told.hint.is_some(), "what to do next is missing: {told}");
}

/// It writes nothing, so it cannot know.
pub async fn a_missing_right_to_write_is_told_at_the_first_write(adapter: &Adapter) {
    let Back::Mock { writes, .. } = adapter.back else { panic!("a case for mocks") };
    let bench = lacking(adapter, writes).await;
    let before = bench.records("example.test");
    bench.provider.check(Some(&zone("example.test"))).await.expect("all that is asked is allowed");
    let told = told(bench.present(&[record("_acme-challenge.example.test", "value")]).await);
    assert_eq!(told.kind, ErrorKind::Forbidden, "{told}");
    assert_eq!(bench.records("example.test"), before);
}

/// The provider with a mock that grants none of these requests; logins are no right.
async fn lacking(adapter: &Adapter, which: fn(&Request) -> bool) -> Bench {
    let reply = refusal(adapter.plugin);
    let refusing = |rules: Rules| -> Rules {
        Box::new(move |request| if which(request) && !is_login(request) { reply.clone() } else { rules(request) })
    };
    let zones = [Zone::new("example.test")];
    Bench::behind(adapter, &zones, Credential::Right, refusing).await.expect("a mock")
}

fn is_login(request: &Request) -> bool {
    let path = request.path.as_str();
    path.ends_with("/token") || path.ends_with("/auth/time") || request.body.contains("account.log")
}

/// What the API of a provider answers to a credential that lacks the right, in the shape its documentation gives.
///
/// # Panics
/// If the provider is not in the table. DuckDNS and PowerDNS have no rights that a credential could lack.
fn refusal(plugin: &str) -> Reply {
    let (status, body) = match plugin {
        "azure" => (403, json!({"error": {"code": "AuthorizationFailed", "message": "no authorization"}})),
        "cloudflare" => (
            403,
            json!({"success": false, "result": null, "messages": [],
            "errors": [{"code": 10000, "message": "Authentication error"}]}),
        ),
        "digitalocean" => (403, json!({"id": "forbidden", "message": "You are not authorized to do this"})),
        "dnspod" => (
            200,
            json!({"Response": {"RequestId": "1",
            "Error": {"Code": "UnauthorizedOperation", "Message": "the sub-account may not do this"}}}),
        ),
        "google" => (403, json!({"error": {"code": 403, "message": "Forbidden", "errors": [{"reason": "forbidden"}]}})),
        "hetzner" => (403, json!({"error": {"code": "token_readonly", "message": "Token is read-only"}})),
        "inwx" => (200, json!({"code": 2201, "msg": "Authorization error"})),
        "linode" => (403, json!({"errors": [{"reason": "Unauthorized"}]})),
        "namecheap" => (
            200,
            Value::from(
                "<ApiResponse Status=\"ERROR\"><Errors><Error Number=\"1011150\">Parameter RequestIP is invalid</Error>\
             </Errors></ApiResponse>",
            ),
        ),
        "ovh" => (
            403,
            json!({"errorCode": "NOT_GRANTED_CALL", "httpCode": "403 Forbidden",
            "message": "This call has not been granted"}),
        ),
        "porkbun" => (
            403,
            json!({"status": "ERROR", "code": "DOMAIN_NOT_ALLOWED",
            "message": "The key may not be used for this domain"}),
        ),
        "route53" => (
            403,
            Value::from(
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: \
             route53:ChangeResourceRecordSets</Message></Error><RequestId>1</RequestId></ErrorResponse>",
            ),
        ),
        "quillzone" => (403, Value::Null),
        other => panic!("what {other} answers to a credential without the right is not written here"),
    };
    Reply { status, body }
}
